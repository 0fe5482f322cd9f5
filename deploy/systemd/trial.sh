#!/usr/bin/env bash
# Runs the units under a real systemd without touching the machine: it boots one as process 1 of
# namespaces of its own (files, processes, cgroups, network), installs by the very commands of
# docs/operate/systemd.md, and checks what the page promises. Needs root. Exits by its truth.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Builds the machine and becomes its process 1. Everything that is written goes into memory.
boot() {
  mount --make-rprivate / && mount --make-rshared /
  umount -R /sys/fs/cgroup
  mount -t cgroup2 none /sys/fs/cgroup
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -p /run/systemd/system /run/lock /run/project
  mount --bind "$project" /run/project
  cp -a /etc /run/etc
  mount --bind /run/etc /etc
  rm -rf /etc/systemd/system/*.wants /etc/crypttab
  : >/etc/fstab
  local folder
  for folder in /var/lib /var/log /opt; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done
  mkdir /opt/bulkhead
  mount --bind /run/project /opt/bulkhead
  for folder in /usr/lib/systemd/system/{sysinit,local-fs,sockets,timers,multi-user}.target.wants; do
    if [ -d "$folder" ]; then mount -t tmpfs tmpfs "$folder"; fi
  done
  ln -s ../systemd-journald.socket /usr/lib/systemd/system/sockets.target.wants/
  ln -s ../systemd-journald.service /usr/lib/systemd/system/sysinit.target.wants/
  printf '[Unit]\nDescription=Trial\n' >/run/systemd/system/trial.target
  ip link set lo up
  container=other exec /usr/lib/systemd/systemd --system --unit=trial.target --show-status=no
}

failures=0
# claim <what> <command ...>: tries for ten seconds or more until the command succeeds.
claim() {
  local what=$1 attempt
  shift
  for attempt in $(seq 50); do
    if "$@" >/dev/null 2>&1; then
      printf 'ok      %s\n' "$what"
      return
    fi
    sleep 0.2
  done
  printf 'FAILED  %s\n' "$what"
  failures=$((failures + 1))
}

# A unit that is down has the main process 0, and signalling that would reach this very script.
signal_main() { [ "$2" -gt 1 ] && kill -"$1" "$2"; }
main_pid() { systemctl show -p MainPID --value "bulkhead-$1"; }
is_active() { systemctl is-active "bulkhead-$1"; }
is_down() { [ "$(systemctl show -p SubState --value "bulkhead-$1")" = dead ]; }
shows() { timeout 10 bulkhead status | grep -E "$1"; }
is_another() { local now; now=$(main_pid "$1") && [ "$now" != 0 ] && [ "$now" != "$2" ]; }
said() { journalctl -u "bulkhead-$1" -o cat | grep -E "$2"; }
is_failed() { systemctl is-failed "bulkhead-$1"; }
all_gone() { ! systemctl list-units 'bulkhead-*.service' --state=active --no-legend | grep .; }
# As the page says of a dead-man switch that leaves the killing to the fencer.
take_rights_away() {
  mkdir -p /etc/systemd/system/bulkhead-safety.service.d
  printf '[Service]\nCapabilityBoundingSet=\nAmbientCapabilities=\nProtectControlGroups=yes\n' \
    >/etc/systemd/system/bulkhead-safety.service.d/unprivileged.conf
  systemctl daemon-reload
  systemctl restart bulkhead-safety.service
}
# Runs the commands of the page's section A second watcher.
add_second_watcher() {
  sed -n '/^## A second watcher$/,/^## The egress gate/p' docs/operate/systemd.md |
    sed -n 's/^sudo //p' >/run/second.sh
  grep -q -- '--watchers 2' /run/second.sh && bash -e /run/second.sh
}
begin_again() {
  timeout 10 bulkhead reset --reason 'trial' &&
    systemctl start bulkhead-executor.service bulkhead-orchestrator.service
}

# Runs the commands of the page's section Install, but for those that fetch software.
install_by_page() {
  sed -n '/^## Install$/,/^## Try/p' docs/operate/systemd.md | sed -n '/^```sh/,/^```/p' |
    grep '^sudo ' | grep -vE 'apt-get|git clone|disable --now|run.mjs install' |
    sed 's/^sudo //' >/run/install.sh
  local count
  count=$(grep -c . /run/install.sh)
  if [ "$count" -lt 8 ] || [ "$count" -gt 12 ] || grep -q trial /run/install.sh; then
    echo 'PAGE_NOT_UNDERSTOOD: these are not the commands of an installation:' >&2
    cat /run/install.sh >&2
    return 1
  fi
  bash -e /run/install.sh
}

inside() {
  cd /opt/bulkhead
  export PATH=$PWD/node_modules/.bin:$PATH BULKHEAD_HOME=/etc/bulkhead NO_COLOR=1
  install_by_page
  local unit old
  for unit in redis paper-venue egress fencer safety control executor orchestrator; do
    claim "$unit is up" is_active "$unit"
  done
  claim 'it trades' shows '^TradingMode +Active'
  claim 'the kill path is ready' shows '^kill path +ready'
  claim 'orders rest' shows '^orders +[1-9]'

  claim 'the gate is open' shows '^egress gate +open'
  old=$(main_pid egress)
  signal_main KILL "$old" || true
  claim 'a gate that died comes back' is_another egress "$old"
  claim 'is opened' shows '^egress gate +open'
  claim 'and the desk trades through it again' shows '^TradingMode +Active'

  old=$(main_pid executor)
  signal_main KILL "$old" || true
  claim 'an executor that crashed comes back while the switch is NORMAL' is_another executor "$old"

  old=$(main_pid safety)
  signal_main STOP "$old" || true
  sleep 3
  claim 'a frozen dead-man switch is replaced within three seconds' is_another safety "$old"
  claim 'the kill path is ready again' shows '^kill path +ready'

  timeout 30 bulkhead kill --level L2 --reason 'trial' >/run/kill.txt || true
  claim 'a kill is confirmed' grep -q '^Confirmed' /run/kill.txt
  claim 'the gate is closed' shows '^egress gate +closed'
  claim 'by the cgroup' bash -c "bulkhead audit tail -n 80 | grep 'executor=dead by cgroup'"
  sleep 5
  claim 'a severed executor stays down' is_down executor
  claim 'a severed orchestrator stays down' is_down orchestrator
  claim 'because the condition refused' said executor 'START_REFUSED KILL_SWITCH_THROWN'
  claim 'the kill can be reset' begin_again
  claim 'the dead-man switch is ahead of all processes' shows '^kill path +ready, .*SCHED_FIFO'

  take_rights_away
  claim 'the kill path is ready without any right, by the fencer' shows '^kill path +ready'
  timeout 30 bulkhead kill --level L1 --reason 'trial' >/run/kill.txt || true
  claim 'a kill is confirmed without any right' grep -q '^Confirmed' /run/kill.txt
  claim 'by the fencer' bash -c "bulkhead audit tail -n 80 | grep 'executor=dead by fencer'"
  claim 'and can be reset' begin_again
  claim 'after the reset it trades again' shows '^TradingMode +Active'
  claim 'through the gate' shows '^egress gate +open'

  claim 'a second watcher is added' add_second_watcher
  claim 'it is up' is_active safety-2
  claim 'the executor is up after the restart' is_active executor
  claim 'the orchestrator is up after the restart' is_active orchestrator
  claim 'the desk trades with two' shows '^TradingMode +Active'
  systemctl stop bulkhead-safety.service
  timeout 30 bulkhead kill --level L1 --reason 'trial' >/run/kill.txt || true
  claim 'the second kills without the first' grep -q '^Confirmed' /run/kill.txt
  claim 'by the cgroup, as the first does' grep 'executor.*dead by cgroup' \
    /var/log/bulkhead-safety-2/dead_man_switch_2.log
  systemctl start bulkhead-safety.service
  claim 'a reset that both follow' begin_again

  old=$(main_pid redis)
  signal_main KILL "$old" || true
  claim 'a Redis that died comes back' is_another redis "$old"
  claim 'its loss has stopped the desk' shows '^kill switch +SOFT_STOP'
  claim 'and can be reset once it is confirmed' begin_again

  for _ in $(seq 60); do
    if is_failed safety >/dev/null; then break; fi
    old=$(main_pid safety)
    signal_main KILL "$old" || true
    sleep 0.5
  done
  claim 'a dead-man switch that always dies is given up' is_failed safety
  claim 'and the last resort proves that no order rests' said lastresort '"outcome":"confirmed"'

  systemctl stop bulkhead.target
  claim 'everything stops' all_gone
  [ "$failures" -eq 0 ] && echo 'trial: every claim held' || echo "trial: $failures did not hold"
  exit $((failures > 0))
}

case ${1:-} in
--boot) boot ;;
--inside) inside ;;
*)
  if [ "$(id -u)" != 0 ]; then
    echo 'ROOT_NEEDED: run it as root; nothing outside its namespaces is changed' >&2
    exit 2
  fi
  unshare --mount --pid --fork --mount-proc --cgroup --ipc --uts --net --propagation private \
    bash "$0" --boot </dev/null >/dev/null 2>&1 &
  outer=$!
  # The death of process 1 ends everything in its namespace.
  trap 'kill -KILL $(cat /proc/$outer/task/$outer/children) 2>/dev/null || true' EXIT
  systemd=
  for _ in $(seq 50); do
    systemd=$(tr -d ' ' <"/proc/$outer/task/$outer/children")
    [ -n "$systemd" ] &&
      nsenter -t "$systemd" -m -p -C -i -u -n systemctl is-system-running >/dev/null 2>&1 && break
    sleep 0.2
  done
  nsenter -t "$systemd" -m -p -C -i -u -n bash /opt/bulkhead/deploy/systemd/trial.sh --inside
  ;;
esac
