# SPDX-License-Identifier: ISC
"""Other builds of the libraries: built as a user would, and run.

Each is built out of tree from a copy of the sources in a folder of its own,
since those here may be configured or read-only.
"""
import os
import re
import shutil
import socket
import subprocess
import unittest

import fixture
from fixture import manual, v1, v2
from fixture.calls import Calls, pack_address

SOURCE = os.path.abspath(os.environ.get("PP_SRCDIR", "."))
CLIENT = "192.0.2.1", 1111
# Made by autogen.sh or a distribution, beside what is written by hand.
NEEDED = ("COPYING", "ChangeLog", "Makefile.am", "Makefile.in", "NEWS",
          "README", "aclocal.m4", "autogen.sh", "bench", "build-aux",
          "config.h.in", "configure", "configure.ac", "doc", "examples",
          "libproxyproto-codec.pc.in", "libproxyproto.pc.in", "m4", "man",
          "src", "tests")
# Made by a build in the source tree: make would take it for its own.
BUILT = shutil.ignore_patterns("__pycache__", "*.o", "*.lo", "*.la", ".libs",
                               ".deps", ".dirstamp", *manual.BUILT)


def named(text):
    """What a document names: pages and files of ours, by their base names; and
    documents, from where they are."""
    text = text.replace("\\-", "-").replace("\\&", "")
    pages = (re.findall(r"^\.Xr ((?:lib)?proxyproto\S*) (\d)", text, re.M)
             + re.findall(r"\b((?:lib)?proxyproto[\w.]*)\((\d)\)", text))
    files = re.findall(r"\b(?:lib)?proxyproto[\w-]*\.(?:so|h|pc)\b", text)
    # one page may say only where another is
    pages += re.findall(r"^\.so man3/(\w+)\.(\d)$", text, re.M)
    return ({".".join(page) for page in pages} | set(files),
            {*re.findall(r"^\.It Pa (examples/\S+)", text, re.M),
             *re.findall(r"\bdoc/(\w+\.md)\b", text)})


class Build(unittest.TestCase):
    """A build in a temporary folder."""

    @classmethod
    def setUpClass(cls):
        folder = fixture.folder(cls.addClassCleanup)
        cls.folder = folder
        cls.tree = folder + "/tree"
        os.mkdir(cls.tree)
        for name in NEEDED:
            path = os.path.join(SOURCE, name)
            if os.path.isdir(path):
                shutil.copytree(path, os.path.join(cls.tree, name),
                                ignore=BUILT)
            elif os.path.exists(path):
                shutil.copy2(path, cls.tree)
        # distcheck makes the sources read-only, and copies keep that
        subprocess.run(["chmod", "-R", "u+w", cls.tree], check=True)

    def setUp(self):
        fixture.need("make", "cc")

    def run_quietly(self, *argv, cwd):
        done = subprocess.run(argv, cwd=cwd, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True,
                              env={name: value for name, value
                                   in os.environ.items()
                                   if name not in ("CFLAGS", "MAKEFLAGS",
                                                   "MFLAGS", "LD_PRELOAD",
                                                   "DESTDIR")})
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def build(self, name, *options, targets=("all",)):
        """Configures and makes; the folder, and what make said."""
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        self.run_quietly(self.tree + "/configure", "-q", "--prefix=/usr",
                         *options, cwd=folder)
        return folder, self.run_quietly("make", "-j2", "V=1", *targets,
                                        cwd=folder)

    def start(self, folder, library, probe=None, **settings):
        """The program that makes calls, under a library of that build."""
        before = fixture.PROBES
        fixture.PROBES = probe or before
        try:
            calls = Calls(f"{folder}/.libs/{library}.so", **settings)
        finally:
            fixture.PROBES = before
        self.addCleanup(calls.stop)
        return calls

    def check_server(self, calls, getpeername=True):
        for host in ("127.0.0.1", "::1"):
            with self.subTest(host=host):
                self.check_listener(calls, calls.listener(host), getpeername)

    def check_listener(self, calls, listener, getpeername):
        for header in (v1(), v2()):
            client = listener.connect(header + b"data")
            reply = calls.accept(listener.fd)
            shown = ("::ffff:" if listener.host == "::1" else "") + CLIENT[0]
            self.assertEqual(reply.address, (shown, CLIENT[1]))
            self.assertEqual(
                calls.getpeername(reply.result).address,
                (shown, CLIENT[1]) if getpeername
                else client.getsockname()[:2])
            self.assertEqual(calls.receive(reply.result).data, b"data")
            client.close()

    def check_client(self, calls):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            calls.ok("connect", calls.socket(),
                     pack_address("127.0.0.1", port))
            connection, _ = server.accept()
            with connection:
                header = v2("127.0.0.1", "127.0.0.1", 8080, port)
                self.assertEqual(connection.recv(100), header)

    def exported(self, folder, library):
        return {line.split()[-1] for line in subprocess.run(
            ["nm", "-D", "--defined-only", f"{folder}/.libs/{library}.so"],
            check=True, capture_output=True, text=True).stdout.splitlines()}


class Variants(Build):
    def test_without_getpeername_cache(self):
        folder, _ = self.build("nocache", "--disable-getpeername-cache")
        exported = self.exported(folder, "libproxyproto")
        self.assertIn("accept", exported)
        self.assertNotIn("getpeername", exported)
        calls = self.start(folder, "libproxyproto")
        self.check_server(calls, getpeername=False)

    def test_debug(self):
        folder, told = self.build("debug", "--enable-debug")
        self.assertIn(" -O0 -g3 ", told)
        self.assertNotIn(" -O2 ", told)
        with open(folder + "/.libs/libproxyproto.so", "rb") as file:
            self.assertIn(b"__assert_fail", file.read())
        with open(fixture.SERVER_LIBRARY, "rb") as file:
            checked = b"__assert_fail" in file.read()
        with open(os.environ.get("PP_BUILDDIR", ".") + "/config.h",
                  encoding="ascii") as file:
            self.assertNotEqual(checked, "#define NDEBUG 1" in file.read())
        self.check_server(self.start(folder, "libproxyproto"))
        self.check_client(self.start(folder, "libproxyproto_connect"))

    def test_debug_keeps_the_user_s_flags(self):
        _, told = self.build("flags", "--enable-debug", "CFLAGS=-O1",
                             targets=("libproxyproto-core.la",))
        self.assertIn(" -O1 ", told)
        self.assertNotIn(" -O0 ", told)

    def test_musl(self):
        """The libraries and the programs under them, built for musl."""
        fixture.need("musl-gcc")
        # the command takes headers of the kernel, which musl-gcc does not find
        folder, _ = self.build("musl", "--disable-command", "CC=musl-gcc")
        probes = folder + "/probes"
        os.mkdir(probes)
        subprocess.run(["musl-gcc", "-pthread", "-o", probes + "/calls",
                        SOURCE + "/tests/preload/calls.c"], check=True)
        with open(probes + "/calls", "rb") as file:
            self.assertIn(b"ld-musl", file.read())
        self.check_server(self.start(folder, "libproxyproto", probes))
        self.check_client(self.start(folder, "libproxyproto_connect", probes))
        # who waits for his header holds up nobody there either
        calls = self.start(folder, "libproxyproto", probes, TIMEOUT=600)
        listener = calls.listener()
        late = listener.connect(v1()[:10])
        listener.connect(v2(source="192.0.2.9")).close()
        self.assertEqual(calls.accept(listener.fd).address,
                         ("192.0.2.9", 1111))
        late.sendall(v1()[10:])
        self.assertEqual(calls.accept(listener.fd).address, CLIENT)
        late.close()

    def test_settings_file_of_a_plain_configure(self):
        """It is below the prefix: the pages say so, and it is read."""
        prefix = self.folder + "/a-prefix"
        folder, _ = self.build("plain", "--prefix=" + prefix)
        path = prefix + "/etc/libproxyproto.conf"
        self.assertEqual(
            manual.settings_file(folder + "/.libs/libproxyproto.so"), path)
        for page in manual.BUILT:
            with open(f"{folder}/man/{page}", encoding="utf-8") as file:
                text = file.read()
            self.assertIn(path, text.replace("\\-", "-"))
            for elsewhere in "@sysconfdir", "/etc/libproxyproto.conf":
                self.assertNotIn(elsewhere, text.replace("\\-", "-").replace(
                    path, ""))
        calls = self.start(folder, "libproxyproto")
        self.check_server(calls)
        os.makedirs(os.path.dirname(path))
        with open(path, "w", encoding="ascii") as file:
            file.write("trusted = 192.0.2.10\ndebug = yes\n")
        calls = self.start(folder, "libproxyproto")
        listener = calls.listener()
        client = listener.connect(v1())
        self.assertEqual(calls.accept(listener.fd).address,
                         client.getsockname())
        client.close()
        calls.wait_line(f"^libproxyproto: listen: .*, settings file {path}: ")
        self.check_closed_stderr(folder)

    def check_closed_stderr(self, folder):
        """Nobody asked at its start what its stderr is."""
        script = ("import os, socket, sys\nos.close(2)\n"
                  "os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
                  "s = socket.create_server(('127.0.0.1', 0))\n"
                  "print('port', s.getsockname()[1], flush=True)\n"
                  "s.accept()\nprint('accepted', flush=True)\n")
        with fixture.Program(
                ["python3", "-c", script, folder + "/data"],
                fixture.environment(folder + "/.libs/libproxyproto.so")
                ) as program:
            port = int(program.wait_line(r"port (\d+)")[1])
            with fixture.connect(port, v1()):
                program.wait_line("accepted")
        self.assertEqual(os.path.getsize(folder + "/data"), 0)

    def check_named(self, installed):
        """What README and the pages name of ours is there."""
        paths = [self.tree + "/README", *(
            f"{self.tree}/man/{name}"
            for name in os.listdir(self.tree + "/man") if name != "local.mk")]
        files = {os.path.basename(path) for path in installed}
        documents = {path.removeprefix("usr/share/doc/libproxyproto/")
                     for path in installed}
        for path in paths:
            with self.subTest(path), open(path, encoding="utf-8") as file:
                names, among_documents = named(file.read())
                self.assertTrue(names)
                self.assertLessEqual(names, files)
                self.assertLessEqual(among_documents, documents)

    def test_installed_files(self):
        folder, _ = self.build("install")
        root = folder + "/root"
        self.run_quietly("make", "install", "DESTDIR=" + root, cwd=folder)
        installed = {
            os.path.relpath(os.path.join(path, name), root)
            for path, _, names in os.walk(root) for name in names}
        libraries = {f"usr/lib/{name}.{suffix}"
                     for name in ("libproxyproto", "libproxyproto_codec",
                                  "libproxyproto_connect",
                                  "libproxyproto_udp")
                     for suffix in ("la", "so", "so.0", "so.0.0.0")}
        pages = {f"usr/share/man/man{name[-1]}/{name}"
                 for name in map(manual.page_of,
                                 os.listdir(self.tree + "/man"))
                 if name[-2:] in (".1", ".3", ".5", ".7")}
        examples = {"doc/libproxyproto.conf.example",
                    *(f"examples/{name}"
                      for name in os.listdir(self.tree + "/examples"))}
        documents = {f"doc/{name}" for name in os.listdir(self.tree + "/doc")}
        self.assertLessEqual({"usr/share/man/man7/libproxyproto.7",
                              "usr/share/man/man7/libproxyproto_connect.7"},
                             pages)
        documents = {"usr/share/doc/libproxyproto/"
                     + path.removeprefix("doc/")
                     for path in documents - examples} | {
            "usr/share/doc/libproxyproto/examples/" + os.path.basename(path)
            for path in examples}
        self.assertEqual(libraries | pages | documents | {
            "usr/bin/proxyproto",
            "usr/include/proxyproto.h",
            "usr/share/bash-completion/completions/proxyproto",
            "usr/share/zsh/site-functions/_proxyproto",
            "usr/lib/pkgconfig/libproxyproto-codec.pc",
            "usr/lib/pkgconfig/libproxyproto.pc"}, installed)
        self.check_named(installed)
        self.run_quietly("make", "uninstall", "DESTDIR=" + root, cwd=folder)
        self.assertEqual([names for _, _, names in os.walk(root) if names],
                         [])


if __name__ == "__main__":
    fixture.main()
