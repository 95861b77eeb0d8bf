# SPDX-License-Identifier: ISC
"""What the libraries export, need and are, as the loader sees them."""
import os
import re
import subprocess
import unittest

import fixture

SOURCE = os.environ.get("PP_SRCDIR", ".")
CODEC_LIBRARY = os.path.join(fixture.LIBDIR, "libproxyproto_codec.so")
LIBRARIES = ((fixture.SERVER_LIBRARY, "server", "preload/server/server.map"),
             (fixture.CLIENT_LIBRARY, "client", "preload/client/client.map"),
             (fixture.UDP_LIBRARY, "udp", "preload/udp/udp.map"),
             (CODEC_LIBRARY, None, "api/codec.map"))
# What the header says is of libproxyproto.
OF_THE_SERVER_ALONE = {"proxyproto_get_header", "proxyproto_get_proxy",
                       "proxyproto_keep_headers", "proxyproto_version"}
# By which a copy of the library knows of another one.
MARKERS = {"server": {"libproxyproto_copy"},
           "client": {"libproxyproto_connect_copy"},
           "udp": {"libproxyproto_udp_copy"}}
# The C library of the oldest system to run on; where it is built on a newer
# one, on that.
OLDEST = max((2, 36), tuple(map(int, os.confstr(
    "CS_GNU_LIBC_VERSION").split()[1].split("."))))


def output(*argv):
    return subprocess.run(argv, check=True, capture_output=True,
                          text=True).stdout


def hooks(side):
    """The names in a list of hooks, by the compiler's own reading of it."""
    if side is None:
        return set()
    source = ("#include <config.h>\n"
              "#define PP_HOOK(type, name, parameters, arguments) @name@\n"
              "#define PP_HOOK_AS(type, name, symbol, parameters, arguments)"
              " @symbol@\n"
              "#define PP_HOOK_ALONE(type, name, parameters) @name@\n"
              f'#include "preload/{side}/hooks.def"\n')
    text = subprocess.run(
        ["cc", "-E", "-P", "-I", os.environ.get("PP_BUILDDIR", "."), "-I",
         os.path.join(SOURCE, "src"), "-"], input=source, check=True,
        capture_output=True, text=True).stdout
    return set(re.findall(r"@(\w+)@", text))


def version_script(name):
    """{node: the names in it} of a version script."""
    with open(os.path.join(SOURCE, "src", name),
              encoding="ascii") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    return {node: set(re.findall(r"(\w+);", body.split("local:")[0]))
            for node, body in re.findall(r"(\w+)\s*\{(.*?)\}", text,
                                         flags=re.S)}


class Symbols(unittest.TestCase):
    def setUp(self):
        fixture.need("nm", "readelf", "cc", "ldd")

    def test_exported(self):
        for library, side, script in LIBRARIES:
            exported = set()
            for line in output("nm", "-D", "--defined-only",
                               library).splitlines():
                exported.add(line.split()[-1])
            expected = hooks(side) | MARKERS.get(side, set())
            for node, names in version_script(script).items():
                expected |= {f"{name}@@{node}" for name in names}
                expected.add(node)
            self.assertEqual(exported, expected)

    def test_each_public_function_is_exported(self):
        with open(os.path.join(SOURCE, "src/api/proxyproto.h"),
                  encoding="ascii") as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        declared = set(re.findall(r"\b(proxyproto_\w+)\(", text))
        server = version_script("preload/server/server.map")["PROXYPROTO_1"]
        codec = version_script("api/codec.map")["PROXYPROTO_1"]
        self.assertEqual(server, declared)
        self.assertEqual(server - codec, OF_THE_SERVER_ALONE)

    def test_the_table_has_hooks(self):
        self.assertLessEqual({"accept", "accept4", "listen"}, hooks("server"))
        # what has a name more for its room, or for another time_t, aside
        self.assertEqual({name for name in hooks("client") - {"dlopen"}
                          if not name.startswith("__")},
                         {"connect", "sendto", "sendmsg", "sendmmsg", "send",
                          "write", "writev", "recvfrom", "recvmsg",
                          "recvmmsg", "recv", "read", "readv", "syscall"})

    def test_needs_the_c_library_alone(self):
        for library, _, _ in LIBRARIES:
            dynamic = output("readelf", "-dW", library)
            self.assertRegex(
                ", ".join(re.findall(r"NEEDED.*\[(.*)\]", dynamic)),
                r"^libc\.(so\.6|musl-\w+\.so\.1|so)$")
            # the C library, what the kernel maps, the loader
            self.assertLessEqual(
                len(output("ldd", library).splitlines()), 3)

    def test_undefined_symbols_are_of_the_c_library(self):
        for library, _, _ in LIBRARIES:
            for line in output("nm", "-D", "--undefined-only",
                               library).splitlines():
                kind, name = line.split()[-2:]
                if kind == "U":
                    version = re.search(r"@GLIBC_([\d.]+)$", name)
                    self.assertTrue(version, name)
                    numbers = tuple(map(int, version[1].split(".")))
                    self.assertLessEqual(numbers, OLDEST, name)

    def test_hardened(self):
        for library, _, _ in LIBRARIES:
            dynamic = output("readelf", "-dW", library)
            self.assertRegex(dynamic, r"FLAGS_1.*\bNOW\b.*\bNODELETE\b")
            segments = output("readelf", "-lW", library)
            self.assertRegex(segments, r"GNU_RELRO ")
            self.assertRegex(segments, r"GNU_STACK .* RW +0x")
            # none that a thread has to allocate
            if re.search(r"\bTLS ", segments):
                self.assertRegex(dynamic, r"FLAGS.*\bSTATIC_TLS\b")
            self.assertNotRegex(dynamic, r"R(UN)?PATH|TEXTREL")

    def test_names(self):
        for library, name in ((fixture.SERVER_LIBRARY, "libproxyproto"),
                              (CODEC_LIBRARY, "libproxyproto_codec"),
                              (fixture.UDP_LIBRARY, "libproxyproto_udp"),
                              (fixture.CLIENT_LIBRARY,
                               "libproxyproto_connect")):
            self.assertIn(f"[{name}.so.0]",
                          output("readelf", "-dW", library))


if __name__ == "__main__":
    fixture.main()
