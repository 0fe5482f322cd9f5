/** What `bulkhead help` prints. */
export const helpText = `Usage: bulkhead COMMAND [--home DIR] [--json]

  status                  trading mode and reason, components, episode, orders, positions
  health                  whether the control API is up, and what it runs
  kill --level L0|L1|L2 --reason TEXT [--no-wait]
                          send a signed kill and follow its episode until it is confirmed;
                          --no-wait returns as soon as the safety plane accepted it;
                          --direct goes past the control API, when that is down
  reset [--reason TEXT]   show the recorded episode and clear it (ADMIN); with real money this
                          only asks for it, and a second ADMIN runs
                          reset --approve COMMAND_ID --operator ID --key-file FILE
  reset --preview         what a reset would do and what stands in its way; sends nothing
  approvals list          orders that wait for people, and what became of the last ones
  approvals show ID       what exactly is asked for, by whom, and who agreed
  approvals grant|deny|escalate ID --reason TEXT [--operator ID --key-file FILE]
                          sign a word on it: agree, refuse, or want two people to agree
  explain INTENT_ID       the gates that an intent passed, the one that refused it, and why
  audit tail [-n N] [-f]  the newest audit entries; -f (--follow) waits for more
  audit verify            check log, archive, inboxes, spools and sealed heads against each
                          other; names the first bad entry (--heads, --archive, --seal-key FILE)
  audit export            archived entries as JSON lines, for a review: --since TIME,
                          --until TIME, --correlation ID (episode, command or intent)
  ledger inspect [-n N]   files of the ledger and its newest records, running or not
  ledger verify           check every batch of every file of the ledger
  last-resort look        what is at risk at the exchange; 0 only when known to be nothing
  last-resort cancel      cancel every order, with nothing but the exchange to help
  guard --component NAME [options] -- COMMAND
                          run a bot of yours under the dead-man switch; \`guard --help\` lists
                          the options. Its exit status is the bot's
  doctor                  check this installation and say what to do about each finding
  help                    this text

  --home DIR   home of the stack; otherwise BULKHEAD_HOME, otherwise .bulkhead in the project
  --json       one JSON document (audit tail: one a line) for programs

Exit status: 0 good, 1 the stack answered and the answer is bad, 2 wrong usage,
3 no stack to reach.`
