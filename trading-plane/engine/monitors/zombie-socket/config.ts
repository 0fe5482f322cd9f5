/** Contract 3.4 D and Appendix A. */
export type ZombieSocketLimits = {
  /** `ws_zombie_silence_ms`. */
  readonly silenceMs: number
  /** `ws_zombie_activity_window_ms`. */
  readonly activityWindowMs: number
}
