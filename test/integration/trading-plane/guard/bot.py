"""A bot as people write them: knows nothing of its guard. The first argument says what it does."""

import http.server
import os
import signal
import sys
import threading
import time

mode, *args = sys.argv[1:]
hung = threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: hung.set())


def forever():
    while True:
        time.sleep(0.02)


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        while hung.is_set():
            time.sleep(1)
        self.send_response(int(args[1]) if len(args) > 1 else 200)
        self.end_headers()

    def log_message(self, *_):
        pass


if mode == 'run':
    print('up', flush=True)
    forever()
elif mode == 'exit':
    time.sleep(float(args[1]))
    sys.exit(int(args[0]))
elif mode == 'http':
    address = ('127.0.0.1', int(args[0]))
    http.server.ThreadingHTTPServer(address, Health).serve_forever()
elif mode == 'touch':
    while True:
        if not hung.is_set():
            with open(args[0], 'a') as file:
                file.write('.')
        time.sleep(0.05)
elif mode == 'print':
    count = 0
    while True:
        if not hung.is_set():
            count += 1
            print('line', count, flush=True)
        time.sleep(0.05)
elif mode == 'signals':
    def note(number, _frame):
        name = signal.Signals(number).name
        # A second signal may interrupt this handler, and a buffered print is not reentrant.
        os.write(1, f'got {name}\n'.encode())
        if name == 'SIGTERM':
            sys.exit(9)

    for name in ('SIGINT', 'SIGHUP', 'SIGUSR2', 'SIGTERM'):
        signal.signal(getattr(signal, name), note)
    print('up', flush=True)
    forever()
elif mode == 'fork':
    # One child in the group of its parent, one that begins a session of its own and is orphaned.
    child = os.fork()
    if child == 0:
        forever()
    middle = os.fork()
    if middle == 0:
        os.setsid()
        orphan = os.fork()
        if orphan == 0:
            for name in ('SIGTERM', 'SIGINT', 'SIGHUP'):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
            forever()
        with open(args[0] + '.part', 'w') as file:
            file.write(f'{child} {orphan}')
        os.rename(args[0] + '.part', args[0])
        os._exit(0)
    os.waitpid(middle, 0)
    forever()
elif mode == 'environment':
    print('up', sorted(name for name in os.environ if name.startswith('BULKHEAD_REDIS')), flush=True)
    forever()
