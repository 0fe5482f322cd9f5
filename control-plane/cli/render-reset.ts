import type { ResetPreview } from '../api/reset-preview-schema.ts'
import type { Paint } from './output.ts'
import { episodeLines } from './render-status.ts'

/** What a reset would do and what stands in its way, for a terminal. */
export function previewLines(preview: ResetPreview, paint: Paint): string[] {
  const { episode, mode, effects, must_beat: mustBeat, obstacles, pending } = preview
  if (episode === '' && mode === 'NORMAL') return ['There is nothing to reset.']
  return [
    `This clears episode ${episode} (kill switch ${mode}):`,
    ...(preview.kill === null ? [] : episodeLines(preview.kill, paint).map((line) => `  ${line}`)),
    ...effects.map((effect) => `  ${effect}`),
    ...mustBeat.map(({ component, process }) => `  must beat: ${component} (${process})`),
    ...(pending === null
      ? []
      : [`  Request ${pending.command_id} of ${pending.operator_id} waits for a second ADMIN.`]),
    ...(obstacles.length === 0
      ? [paint('green', 'Nothing stands in its way.')]
      : obstacles.map(({ code, words, detail }) =>
          paint('red', `In its way: ${code} ${detail === '' ? '' : `(${detail}) `}${words}`),
        )),
  ]
}
