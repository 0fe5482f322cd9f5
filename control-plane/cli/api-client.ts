import type { z } from 'zod'
import { fail, ok, type Result } from '@bulkhead/shared/kernel/result.ts'

export type ClientFault = {
  readonly code: 'API_UNREACHABLE' | 'API_ANSWER_INVALID'
  readonly message: string
}
export type Answer<T> = { readonly status: number; readonly body: T }

const readMsMax = 5_000

/** Talks to the control API of a stack; every answer is checked against its schema. */
export class ApiClient {
  readonly #base: string

  /** @param base address of the API, such as `http://127.0.0.1:7070` */
  constructor(base: string) {
    this.#base = base.replace(/\/+$/, '')
  }

  async get<T>(path: string, schema: z.ZodType<T>): Promise<Result<Answer<T>, ClientFault>> {
    return this.#ask(path, schema, { signal: AbortSignal.timeout(readMsMax) })
  }

  /** @param timeoutMs longer than the API waits for the actor */
  async post<T>(
    path: string,
    body: string,
    schema: z.ZodType<T>,
    timeoutMs: number,
  ): Promise<Result<Answer<T>, ClientFault>> {
    const headers = { 'content-type': 'application/json' }
    const signal = AbortSignal.timeout(timeoutMs)
    return this.#ask(path, schema, { method: 'POST', body, headers, signal })
  }

  async #ask<T>(
    path: string,
    schema: z.ZodType<T>,
    init: RequestInit,
  ): Promise<Result<Answer<T>, ClientFault>> {
    let status: number
    let text: string
    try {
      const response = await fetch(`${this.#base}${path}`, init)
      status = response.status
      text = await response.text()
    } catch (error) {
      return fail({ code: 'API_UNREACHABLE', message: `${this.#base}: ${reasonOf(error)}` })
    }
    const parsed = schema.safeParse(parseJson(text))
    if (parsed.success) return ok({ status, body: parsed.data })
    const message = `${path} answered ${status} with something else: ${text.slice(0, 200)}`
    return fail({ code: 'API_ANSWER_INVALID', message })
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error ? cause.message || error.message : error.message
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
