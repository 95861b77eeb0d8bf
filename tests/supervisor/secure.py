# SPDX-License-Identifier: ISC
"""Programs with AT_SECURE under a supervisor: whom the loader does not believe
the supervisor does not either."""
import os
import unittest

from processes import SERVER, Processes

import fixture

# Executes a server with another effective user than real one, as Squid does.
EXECUTE = """
os.environ.update({variables!r})
os.setresuid(0, 65534, 65534)
os.execv({path!r}, ["x", "-c", {server!r}])
"""


@unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
class Secure(Processes):
    def run_secure(self, path="/usr/bin/python3", settings=None,
                   **variables):
        fixture.need("/usr/bin/python3")
        script = EXECUTE.format(
            path=path, server=SERVER + "serve(listen())",
            variables={"LIBPROXYPROTO_" + name: value
                       for name, value in variables.items()})
        return self.run_server(script, **(settings or {}))[1]

    def test_its_environment_is_not_believed(self):
        """Who executes it has chosen that."""
        self.assert_served(self.run_secure(VERSION="0"))
        self.assert_served(self.run_secure(NONSENSE="1"))

    def test_the_supervisor_s_is(self):
        port = self.run_secure(settings={"VERSION": "0"}, VERSION="3")
        with fixture.connect(port, b"") as client:
            self.assertEqual(self.answer(client)[:2], client.getsockname())

    def test_its_name_is_that_of_its_file(self):
        """A link's would be for its caller to choose."""
        folder = fixture.folder(self.addCleanup)
        os.chmod(folder, 0o755)
        os.symlink(os.path.realpath("/usr/bin/python3"), f"{folder}/chosen")
        config = f"{folder}/settings.conf"
        with open(config, "w", encoding="ascii") as file:
            file.write("[chosen]\nversion = 0\n")
        self.assert_served(self.run_secure(f"{folder}/chosen",
                                           {"CONFIG": config}))

    def config(self, text, mode):
        folder = fixture.folder(self.addCleanup)
        os.chmod(folder, 0o755)
        path = f"{folder}/settings.conf"
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    # As a daemon that reads its settings while it is root, or does not.
    CHOOSE = """
import socket
if "LIBPROXYPROTO_CONFIG" not in os.environ:
    os.environ["LIBPROXYPROTO_CONFIG"] = {path!r}
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
if {before!r}:
    listener = listen()
os.setgid(65534)
os.setuid(65534)
try:
    serve(listener if {before!r} else listen())
except OSError as error:
    print("failed:", error.strerror, flush=True)
"""

    def test_its_settings_file_is_read_as_its_user(self):
        """Root's right to read is not lent to others."""
        path = self.config("version = 0\nsecret\n", 0o600)
        program = self.run_python(self.CHOOSE.format(path=path, before=False))
        program.wait_line("^failed: Invalid argument$")
        self.assertIn(f"{path}: cannot be opened: Permission denied",
                      program.output())
        self.assertNotIn("secret", program.output())
        path = self.config("version = 0\n", 0o644)
        _, port = self.run_server(self.CHOOSE.format(path=path, before=False))
        with fixture.connect(port, b"") as client:
            self.assertEqual(self.answer(client)[:2], client.getsockname())

    def test_settings_file_that_root_has_read(self):
        """It stays, as in a preloaded daemon."""
        path = self.config("must_use_protocol_header = 1\n", 0o600)
        _, port = self.run_server(self.CHOOSE.format(path=path, before=True))
        self.assert_served(port)

    def test_the_supervisor_s_settings_file(self):
        path = self.config("must_use_protocol_header = 1\n", 0o600)
        _, port = self.run_server("os.setgid(65534)\nos.setuid(65534)\n"
                                  "serve(listen())", CONFIG=path)
        self.assert_served(port)

    def test_of_others_it_is(self):
        port = self.run_server("""
if "LIBPROXYPROTO_VERSION" not in os.environ:
    os.environ["LIBPROXYPROTO_VERSION"] = "0"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
serve(listen())
""")[1]
        with fixture.connect(port, b"") as client:
            self.assertEqual(self.answer(client)[:2], client.getsockname())


if __name__ == "__main__":
    fixture.main()
