#!/usr/bin/env python3
"""An agent that does what a test tells it to: puppet.py VERB [ARGUMENT…] [-- VERB [ARGUMENT…]]…

Standard library only. A verb tells what happened as one JSON line on stdout, {"verb": …, …}, with errno names ("error": "EACCES");
verbs whose output is itself what is tested (stdout, lines, oneline, nonewline, both, print-file) write only that. A verb that
was refused what it tried still exits 0: what the sandbox says of it is what tests look at. `--` starts another verb.

  exit N                 exit code N                       signal N             die of signal N (number or name)
  sleep S                                                  trap-term [S]        ignore TERM, INT and HUP, and sleep (default 600)
  stdout BYTES [SEED]    bytes that the seed determines    sha256 BYTES [SEED]  the digest of these bytes
  lines N [WIDTH]        N numbered lines                  oneline BYTES        one line of so many bytes, then a line break
  nonewline TEXT         without a line break              both N               lines on stdout and stderr in turn
  flood [S]              like yes, for S seconds           stdin                reads to the end, tells how many bytes
  env, cwd, ids, fds, mount, argv [ARGUMENT…], limits, interfaces
  memory MB [S]          touches it, holds it S seconds    child-memory MB      a child does, is killed; the parent goes on
  forkbomb N             up to N sleeping children         daemon [S]           double fork, setsid, holds stdout, ignores TERM
  read PATH, write PATH [TEXT], append PATH, unlink PATH, rename FROM TO, link FROM TO, symlink TARGET PATH, list PATH, exec PATH
  print-file PATH        its bytes
  tcp HOST PORT [SECONDS], udp HOST PORT, resolve NAME, listen PORT, unix PATH, socket KIND
  http HOST PORT [PATH] [HOST-HEADER], tls HOST PORT [SNI]
  syscall NAME           unshare, ptrace, mount, bpf, keyctl, io_uring, userfaultfd, perf, personality, setns, kexec, setuid, chroot, open_by_handle_at
  proc1                  tries to read, write and kill process 1, and kill -9 -1
  output SPEC…           into $ISOLATED_AGENTS_OUTPUT or /output (or the folder given as at=PATH):
      file=NAME[:BYTES]  hex=HEXNAME[:BYTES]  symlink=NAME:TARGET  hardlink=NAME:TARGET  fifo=NAME  socket=NAME  setuid=NAME
      sparse=NAME:BYTES  many=N  deep=N  folder=NAME  mode=NAME:OCTAL  xattr=NAME  device=NAME
"""

import ctypes
import errno
import hashlib
import json
import os
import random
import resource
import signal
import socket
import sys
import time

SYSCALLS_X86_64 = {"unshare": 272, "ptrace": 101, "mount": 165, "bpf": 321, "keyctl": 250, "io_uring": 425, "userfaultfd": 323, "perf": 298,
                   "personality": 135, "setns": 308, "kexec": 246, "setuid": 105, "chroot": 161, "open_by_handle_at": 304}
SYSCALLS_AARCH64 = {"unshare": 97, "ptrace": 117, "mount": 40, "bpf": 280, "keyctl": 219, "io_uring": 425, "userfaultfd": 282, "perf": 241,
                    "personality": 92, "setns": 268, "kexec": 104, "setuid": 146, "chroot": 51, "open_by_handle_at": 265}


def text_of(data):
    """Bytes or a path as text that JSON can hold and that keeps every byte."""
    return os.fsdecode(data).encode("utf-8", "backslashreplace").decode() if isinstance(data, (bytes, str)) else str(data)


def say(verb, **what):
    line = json.dumps({"verb": verb, **what}, ensure_ascii=True) + "\n"
    sys.stdout.buffer.write(line.encode())
    sys.stdout.buffer.flush()


def name_of(problem):
    if isinstance(problem, socket.gaierror):
        return {v: k for k, v in vars(socket).items() if k.startswith("EAI_")}.get(problem.errno, str(problem.errno))
    if isinstance(problem, socket.timeout):
        return "TIMEOUT"
    if isinstance(problem, OSError) and problem.errno is not None:
        return errno.errorcode.get(problem.errno, str(problem.errno))
    return type(problem).__name__


def attempt(verb, action, **what):
    """Does it and tells what came of it: its result (a dictionary), or the error's name."""
    began = time.monotonic()
    try:
        result = action() or {}
        say(verb, **what, ok=True, **result)
        return True
    except (OSError, MemoryError, ValueError) as problem:
        say(verb, **what, ok=False, error=name_of(problem), milliseconds=round((time.monotonic() - began) * 1000))
        return False


# --- ending and output ------------------------------------------------------------------------------------------------

def do_exit(code):
    sys.stdout.flush()
    os._exit(int(code))


def do_signal(which):
    number = int(which) if which.isdigit() else getattr(signal, which if which.startswith("SIG") else "SIG" + which)
    sys.stdout.flush()
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    time.sleep(5)


def do_sleep(seconds):
    say("sleep", seconds=float(seconds))
    time.sleep(float(seconds))


def do_trap_term(seconds="600"):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    say("trap-term", pid=os.getpid())
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        time.sleep(min(1, max(0, end - time.monotonic())))


def blocks(size, seed):
    """The same bytes for the same seed on every machine."""
    generator, left = random.Random(int(seed)), int(size)
    while left > 0:
        count = min(left, 65536)
        yield generator.getrandbits(count * 8).to_bytes(count, "little")
        left -= count


def write_all(descriptor, data):
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view):]


def do_stdout(size, seed="1"):
    for block in blocks(size, seed):
        write_all(1, block)


def do_sha256(size, seed="1"):
    digest = hashlib.sha256()
    for block in blocks(size, seed):
        digest.update(block)
    say("sha256", bytes=int(size), sha256=digest.hexdigest())


def do_lines(count, width="0"):
    write_all(1, b"".join(f"line {i}".ljust(int(width), ".").encode() + b"\n" for i in range(1, int(count) + 1)))


def do_oneline(size):
    left = int(size)
    block = b"0123456789abcdef" * 4096
    while left > 0:
        write_all(1, block[:left])
        left -= min(left, len(block))
    write_all(1, b"\n")


def do_nonewline(*words):
    write_all(1, os.fsencode(" ".join(words)))


def do_both(count):
    for i in range(1, int(count) + 1):
        write_all(1, f"out {i}\n".encode())
        write_all(2, f"err {i}\n".encode())


def do_flood(seconds="600"):
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        write_all(1, b"y\n" * 32768)


def do_stdin():
    def read():
        total = 0
        while True:
            block = os.read(0, 65536)
            if not block:
                return {"bytes": total}
            total += len(block)

    attempt("stdin", read)


# --- what the sandbox gave --------------------------------------------------------------------------------------------

def do_env():
    say("env", env={text_of(k): text_of(v) for k, v in sorted(os.environ.items())})


def do_argv(*arguments):
    say("argv", argv=[text_of(a) for a in arguments])


def do_cwd():
    attempt("cwd", lambda: {"path": os.getcwd()})


def do_ids():
    wanted = ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "TracerPid")
    status = {}
    with open("/proc/self/status") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key in wanted:
                status[key] = value.strip()
    say("ids", uid=os.getuid(), euid=os.geteuid(), gid=os.getgid(), egid=os.getegid(), groups=sorted(os.getgroups()), pid=os.getpid(),
        ppid=os.getppid(), session=os.getsid(0), umask=os.umask(os.umask(0o22)), **status)


def do_fds():
    found = {}
    for name in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            found[name] = text_of(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            pass  # the listing's own
    say("fds", fds=found)


def do_mount():
    with open("/proc/self/mountinfo") as file:
        mounts = [{"path": f[4], "options": f[5], "type": f[f.index("-") + 1]} for f in (line.split() for line in file)]
    say("mount", mounts=mounts)


def do_limits():
    names = ("NOFILE", "NPROC", "AS", "CORE", "FSIZE", "MEMLOCK", "STACK")
    score = open("/proc/self/oom_score_adj").read().strip()
    say("limits", oom_score_adj=int(score), **{n: list(resource.getrlimit(getattr(resource, "RLIMIT_" + n))) for n in names})


def do_interfaces():
    attempt("interfaces", lambda: {"names": [name for _, name in socket.if_nameindex()]})


# --- resources --------------------------------------------------------------------------------------------------------

def touch(megabytes):
    held = []
    for i in range(int(megabytes)):
        held.append(bytearray(os.urandom(4096) * 256))  # not zeros, which might be shared
        if i % 16 == 15:
            say("memory", held_mb=i + 1)
    return held


def do_memory(megabytes, seconds="0"):
    try:
        held = touch(megabytes)
    except MemoryError:
        say("memory", ok=False, error="ENOMEM")
        return
    time.sleep(float(seconds))
    say("memory", ok=True, megabytes=len(held))


def do_child_memory(megabytes):
    child = os.fork()
    if child == 0:
        try:
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write("1000")  # the kernel is to take the child, not us
        except OSError:
            pass
        touch(megabytes)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    by = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else None
    say("child-memory", child_signal=by, child_exit=os.WEXITSTATUS(status) if os.WIFEXITED(status) else None)


def do_forkbomb(count):
    children, problem = [], None
    for _ in range(int(count)):
        try:
            child = os.fork()
        except OSError as error:
            problem = name_of(error)
            break
        if child == 0:
            time.sleep(60)
            os._exit(0)
        children.append(child)
    say("forkbomb", started=len(children), error=problem)
    time.sleep(1)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def do_daemon(seconds="600"):
    child = os.fork()
    if child != 0:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    say("daemon", pid=os.getpid(), session=os.getsid(0))
    time.sleep(float(seconds))
    os._exit(0)


# --- files ------------------------------------------------------------------------------------------------------------

def do_read(path):
    def read():
        with open(path, "rb", buffering=0) as file:
            data = file.read(4096)
        return {"bytes": len(data), "head": data[:80].decode("utf-8", "backslashreplace")}

    attempt("read", read, path=text_of(path))


def written(path, text, flags):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644)
    try:
        write_all(descriptor, os.fsencode(text))
    finally:
        os.close(descriptor)


def do_write(path, text="written by the puppet\n"):
    attempt("write", lambda: written(path, text, os.O_TRUNC), path=text_of(path))


def do_append(path, text="appended by the puppet\n"):
    attempt("append", lambda: written(path, text, os.O_APPEND), path=text_of(path))


def do_unlink(path):
    attempt("unlink", lambda: os.unlink(path), path=text_of(path))


def do_rename(source, target):
    attempt("rename", lambda: os.rename(source, target), path=text_of(source), to=text_of(target))


def do_link(source, target):
    attempt("link", lambda: os.link(source, target, follow_symlinks=False), path=text_of(source), to=text_of(target))


def do_symlink(target, path):
    attempt("symlink", lambda: os.symlink(target, path), path=text_of(path), target=text_of(target))


def do_list(path):
    attempt("list", lambda: {"names": [text_of(n) for n in sorted(os.listdir(path))]}, path=text_of(path))


def do_exec(path, *arguments):
    def run():
        child = os.fork()
        if child == 0:
            try:
                os.execv(path, [path, *arguments])
            except OSError as problem:
                os._exit(min(problem.errno, 255) if problem.errno else 255)
        _, status = os.waitpid(child, 0)
        return {"exit": os.waitstatus_to_exitcode(status)}

    attempt("exec", run, path=text_of(path))


def do_print_file(path):
    try:
        with open(path, "rb", buffering=0) as file:
            while block := file.read(65536):
                write_all(1, block)
    except OSError as problem:
        say("print-file", path=text_of(path), ok=False, error=name_of(problem))


# --- network ----------------------------------------------------------------------------------------------------------

def connected(host, port, seconds):
    connection = socket.create_connection((host, int(port)), float(seconds))
    return connection, {"peer": connection.getpeername()[0]}


def do_tcp(host, port, seconds="10"):
    def connect():
        connection, result = connected(host, port, seconds)
        connection.close()
        return result

    attempt("tcp", connect, host=host, port=int(port))


def do_udp(host, port):
    def send():
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            return {"sent": sender.sendto(b"puppet", (host, int(port)))}

    attempt("udp", send, host=host, port=int(port))


def do_resolve(name):
    attempt("resolve", lambda: {"addresses": sorted({a[4][0] for a in socket.getaddrinfo(name, None)})}, name=name)


def do_listen(port):
    def listen():
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", int(port)))
            listener.listen()
            with socket.create_connection(listener.getsockname(), 5) as client, listener.accept()[0] as server:
                client.sendall(b"hello")
                return {"received": server.recv(5).decode()}

    attempt("listen", listen, port=int(port))


def do_unix(path):
    def connect():
        with socket.socket(socket.AF_UNIX) as client:
            client.connect("\0" + path[1:] if path.startswith("@") else path)

    attempt("unix", connect, path=text_of(path))


def do_socket(kind):
    kinds = {"tcp": (2, 1, 0), "udp": (2, 2, 0), "raw": (2, 3, 1), "icmp": (2, 2, 1), "tcp6": (10, 1, 0), "packet": (17, 3, 0x300), "vsock": (40, 1, 0),
             "alg": (38, 5, 0), "sctp": (2, 5, 132), "netlink": (16, 3, 0), "unix": (1, 1, 0), "bluetooth": (31, 3, 1), "mptcp": (2, 1, 262)}
    attempt("socket", lambda: socket.socket(*kinds[kind]).close(), kind=kind)


def do_http(host, port, path="/", host_header=None):
    def get():
        connection, result = connected(host, port, 15)
        with connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host_header or host}\r\nConnection: close\r\n\r\n".encode())
            data = b""
            while len(data) < 65536 and (block := connection.recv(65536)):
                data += block
        head, _, body = data.partition(b"\r\n\r\n")
        return {**result, "status": head.split(b"\r\n")[0].decode("latin-1"), "bytes": len(body), "body": body[:200].decode("latin-1")}

    attempt("http", get, host=host, port=int(port))


def do_tls(host, port, name=None):
    import ssl

    def shake():
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection, result = connected(host, port, 15)
        with connection, context.wrap_socket(connection, server_hostname=name or host) as secure:
            return {**result, "version": secure.version()}

    attempt("tls", shake, host=host, port=int(port), name=name or host)


# --- what must not be possible ----------------------------------------------------------------------------------------

def do_syscall(name):
    numbers = SYSCALLS_AARCH64 if os.uname().machine == "aarch64" else SYSCALLS_X86_64
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(256)
    arguments = {
        "unshare": (0x10000000 | 0x40000000,), "ptrace": (16, os.getppid(), 0, 0), "mount": (b"none", b"/tmp", b"tmpfs", 0, None),
        "bpf": (0, buffer, 48), "keyctl": (0, -3, 0), "io_uring": (4, buffer), "userfaultfd": (1,), "perf": (buffer, 0, -1, -1, 0),
        "personality": (0x0040000,), "setns": (0, 0), "kexec": (0, 0, None, 0), "setuid": (0,), "chroot": (b"/tmp",), "open_by_handle_at": (-100, buffer, 0),
    }[name]

    def call():
        result = libc.syscall(ctypes.c_long(numbers[name]), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
        if result == -1:
            raise OSError(ctypes.get_errno(), name)
        return {"result": result}

    attempt("syscall", call, name=name)


def do_proc1():
    def read(path):
        with open(path, "rb", buffering=0) as file:
            return {"bytes": len(file.read(64))}

    def write(path):
        descriptor = os.open(path, os.O_WRONLY)
        try:
            return {"written": os.write(descriptor, b"forged")}
        finally:
            os.close(descriptor)

    results = {}

    def tried(what, action):
        try:
            results[what] = {"ok": True, **(action() or {})}
        except OSError as problem:
            results[what] = {"ok": False, "error": name_of(problem)}

    for name in ("environ", "cmdline", "maps", "mem", "stack", "io"):
        tried(name, lambda n=name: read(f"/proc/1/{n}"))
    for name in ("exe", "cwd", "root", "ns/net"):
        tried(name, lambda n=name: {"target": text_of(os.readlink(f"/proc/1/{n}"))})
    tried("fds", lambda: {"count": len(os.listdir("/proc/1/fd"))})
    for number in range(0, 10):
        tried(f"write fd/{number}", lambda n=number: write(f"/proc/1/fd/{n}"))
    tried("write exe", lambda: write("/proc/1/exe"))
    tried("write oom_score_adj", lambda: write("/proc/1/oom_score_adj"))
    for number in (0, signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
        tried(f"kill -{int(number)} 1", lambda n=number: os.kill(1, n))
    # Told before the last one, which may leave nobody to tell it.
    say("proc1", results=results)
    attempt("kill-all", lambda: os.kill(-1, signal.SIGKILL))


# --- outputs ----------------------------------------------------------------------------------------------------------

def do_output(*specs):
    folder = os.environ.get("ISOLATED_AGENTS_OUTPUT") or "/output"
    for spec in specs:
        kind, _, rest = spec.partition("=")
        name, _, extra = rest.partition(":")
        if kind == "at":
            folder = rest
            continue

        def make(kind=kind, name=name, extra=extra, base=os.fsencode(folder)):
            path = os.path.join(base, bytes.fromhex(name) if kind == "hex" else os.fsencode(name))
            if kind in ("file", "hex"):
                parent = os.path.dirname(path)
                os.makedirs(parent, exist_ok=True)
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
                try:
                    for block in blocks(extra or "5", "1"):
                        write_all(descriptor, block)
                finally:
                    os.close(descriptor)
            elif kind == "folder":
                os.makedirs(path)
            elif kind == "symlink":
                os.symlink(extra, path)
            elif kind == "hardlink":
                os.link(extra if extra.startswith("/") else os.path.join(folder, extra), path, follow_symlinks=False)
            elif kind == "fifo":
                os.mkfifo(path)
            elif kind == "socket":
                with socket.socket(socket.AF_UNIX) as listener:
                    listener.bind(path)
            elif kind == "setuid":
                with open(path, "wb") as file:
                    file.write(b"#!/bin/sh\nid\n")
                os.chmod(path, 0o6755)
            elif kind == "mode":
                os.chmod(path, int(extra, 8))
            elif kind == "xattr":
                with open(path, "ab"):
                    pass
                os.setxattr(path, b"user.puppet", b"1")
            elif kind == "device":
                os.mknod(path, 0o020666, os.makedev(1, 3))
            elif kind == "sparse":
                with open(path, "wb") as file:
                    file.truncate(int(extra))
            elif kind == "many":
                os.makedirs(os.path.join(base, b"many"), exist_ok=True)
                for i in range(int(name)):
                    os.close(os.open(os.path.join(base, b"many", b"%d" % i), os.O_WRONLY | os.O_CREAT, 0o644))
            elif kind == "deep":
                # Relative, step by step: the whole path may be longer than PATH_MAX.
                here = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
                for _ in range(int(name)):
                    os.mkdir("d", dir_fd=here)
                    below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
                    os.close(here)
                    here = below
                os.close(os.open("bottom", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=here))
                os.close(here)
            else:
                raise SystemExit(f"puppet.py: unknown output {kind}")

        attempt("output", make, spec=text_of(spec))


def main(arguments):
    while arguments:
        end = arguments.index("--") if "--" in arguments else len(arguments)
        verb, *rest = arguments[:end] or [""]
        arguments = arguments[end + 1:]
        action = globals().get("do_" + verb.replace("-", "_"))
        if action is None:
            print(f"puppet.py: unknown verb {verb!r}\n{__doc__}", file=sys.stderr)
            return 64
        action(*rest)
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
