# SPDX-License-Identifier: ISC
"""Where a supervisor may work, and what it says where it may not."""
import os
import subprocess
import unittest

import fixture
from fixture import forbidding, v1

# SECCOMP_IOCTL_NOTIF_ADDFD
GIVE = "ioctl:1:0x40182103"

# What a container of Docker's has by default.
CAPABILITIES = """chown dac_override fowner fsetid kill setgid setuid setpcap
net_bind_service net_raw sys_chroot mknod audit_write setfcap""".split()

# Some of what its seccomp profile forbids who has not CAP_SYS_ADMIN.
FORBIDDEN = [f"{call}=EPERM" for call in (
    "bpf", "mount", "perf_event_open", "setns", "unshare")]
FORBIDDEN_TO_LOOK = [f"{call}=EPERM" for call in (
    "pidfd_getfd", "process_vm_readv", "process_vm_writev")]

# Becomes somebody else where it may, and tells each client its address.
SERVER = """
import os, socket
print("pids", os.getppid(), os.getpid(), flush=True)
listener = socket.create_server(("127.0.0.1", 0))
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
print("uid", os.getuid(), flush=True)
print("port", listener.getsockname()[1], flush=True)
while True:
    with listener.accept()[0] as client:
        client.sendall(client.getpeername()[0].encode())
"""


def need_root():
    if os.geteuid() != 0:
        raise unittest.SkipTest("only root makes sandboxes here")
    fixture.need("unshare", "setpriv", "/usr/bin/python3")


def need_run(*argv):
    """Skips a test where that fails, as in a container."""
    done = subprocess.run(argv, stderr=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode:
        raise unittest.SkipTest(f"{argv[0]}: {done.stderr.strip()}")


def container(*capabilities):
    """A process namespace of its own, and as little as that may."""
    wanted = "".join(f",+{name}" for name in capabilities)
    return ["setpriv", f"--bounding-set=-all{wanted}", "--inh-caps=-all"]


class Sandboxes(unittest.TestCase):
    def run_supervised(self, *argv, prefix=()):
        program = fixture.Program(
            [*prefix, fixture.COMMAND, "run", "--how=supervise", *argv],
            fixture.environment(MUST_USE_PROTOCOL_HEADER=1))
        self.addCleanup(program.stop)
        return program

    def assert_served(self, program, uid):
        program.wait_line(f"^uid {uid}$")
        port = int(program.wait_line(r"^port (\d+)$")[1])
        for address in "192.0.2.1", "192.0.2.2":
            with fixture.connect(port, v1(address)) as client:
                self.assertEqual(fixture.read_all(client), address.encode())

    def assert_not_started(self, says, *rules, prefix=()):
        program = self.run_supervised("echo", "started", prefix=[
            *prefix, *forbidding.prefix(*rules)])
        self.assertEqual(program.wait(), 125, program.output())
        self.assertRegex(program.output(),
                         f"^proxyproto: cannot supervise: {says}[^\n]*$")


class Served(Sandboxes):
    def test_container(self):
        """Process 1, Docker's rights and CAP_SYS_PTRACE, a server as nobody."""
        need_root()
        namespace = ["unshare", "--pid", "--fork", "--kill-child",
                     "--mount-proc"]
        confined = container(*CAPABILITIES, "sys_ptrace")
        need_run(*namespace, *confined, "true")
        program = self.run_supervised("/usr/bin/python3", "-c", SERVER, prefix=[
            *namespace, *forbidding.prefix(*FORBIDDEN),
            *confined])
        # the first process is proxyproto itself
        self.assertLess(int(program.wait_line(r"^pids (\d+)")[1]), 5)
        self.assert_served(program, 65534)

    def test_user(self):
        """Somebody who has no right at all."""
        uid, prefix = os.geteuid(), []
        if uid == 0:
            uid = 65533
            prefix = ["setpriv", f"--reuid={uid}", f"--regid={uid}",
                      "--clear-groups", "--no-new-privs",
                      "--bounding-set=-all"]
            need_root()
            need_run(*prefix[:4], "test", "-x", fixture.COMMAND)
        program = self.run_supervised("/usr/bin/python3", "-c", SERVER,
                                      prefix=prefix)
        self.assert_served(program, uid)


class Refused(Sandboxes):
    def test_container_without_ptrace(self):
        """It says what is missing, and how to allow it."""
        for rule in FORBIDDEN_TO_LOOK:
            self.assert_not_started(
                rule.partition("=")[0] + ": Operation not permitted: .*in a "
                r"container CAP_SYS_PTRACE allows it \(docker run "
                r"--cap-add SYS_PTRACE\)$", rule)

    def test_yama(self):
        """That is asked for its name where it is what forbids."""
        need_root()
        setup = ("mount -t tmpfs none /proc/sys/kernel && "
                 "mkdir /proc/sys/kernel/yama && "
                 'echo "$0" > /proc/sys/kernel/yama/ptrace_scope')
        need_run("unshare", "--mount", "sh", "-c", setup, "0")
        for scope, says in (("1", ".*in a container "),
                            ("2", "kernel.yama.ptrace_scope is 2: 0 or 1 "
                             "allows it, or CAP_SYS_PTRACE$"),
                            ("3", "kernel.yama.ptrace_scope is 3: 0 or 1 "
                             "allows it$")):
            self.assert_not_started(
                "pidfd_getfd: Operation not permitted: " + says,
                "pidfd_getfd=EPERM",
                prefix=["unshare", "--mount", "sh", "-c",
                        setup + ' && exec "$@"', scope])

    def test_older_kernel(self):
        """Each of the calls that one has not."""
        for call, errors in {
                "pidfd_open": ["ENOSYS"], "pidfd_getfd": ["ENOSYS"],
                "process_vm_readv": ["ENOSYS"],
                "process_vm_writev": ["ENOSYS"],
                "seccomp": ["ENOSYS", "EINVAL"],
                GIVE: ["EINVAL", "ENOTTY"]}.items():
            for error in errors:
                what = {GIVE: "SECCOMP_ADDFD_FLAG_SEND",
                        "seccomp": "seccomp notifications"}.get(call, call)
                self.assert_not_started(
                    f"{what}: .*: Linux 5.14 is needed, without a sandbox "
                    f"that forbids this; here is Linux {os.uname().release}$",
                    f"{call}={error}")

    def test_other_process(self):
        """One that may not be looked into is told of, and lets nobody in."""
        need_root()
        confined = container(*CAPABILITIES)
        need_run(*confined, "true")
        program = self.run_supervised("/usr/bin/python3", "-c", SERVER,
                                      prefix=confined)
        program.wait_line(
            r"^proxyproto: process \d+ cannot be looked into: Operation not "
            "permitted: CAP_SYS_PTRACE allows it")
        program.wait_line("^PermissionError: ")

    def test_no_filter(self):
        self.assert_not_started("no seccomp filter: Operation not permitted$",
                                "seccomp=EPERM")


if __name__ == "__main__":
    fixture.main()
