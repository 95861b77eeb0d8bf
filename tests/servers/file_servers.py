# SPDX-License-Identifier: ISC
"""Servers of files, versions and disks."""
import unittest

import fixture
from fixture.described import DescribedCase


class Rsync(DescribedCase, unittest.TestCase):
    program = "rsync, as a daemon"
    packages = ("rsync",)
    tells = "log"
    request = "@RSYNCD: 31.0 sha512 sha256 sha1 md5 md4\n#list\n"
    log = r"module-list request from .* \(@client@\)"
    log_in = "rsyncd.log"
    tells_mapped = False
    command = ("rsync --daemon --no-detach --config @folder@/rsyncd.conf "
               "--address @host@ --port @port@")
    files = {"rsyncd.conf": """
log file = @folder@/rsyncd.log
reverse lookup = no
use chroot = no
[@word@]
path = /usr
"""}


class Samba(DescribedCase, unittest.TestCase):
    program = "Samba smbd"
    packages = ("samba",)
    tells = "log"
    # NetBIOS: from X to Y
    request = "\x81\0\0\x44" + 2 * (" " + 32 * "A" + "\0")
    half_close = True
    log = r"Allowed connection from @client@ \(@client@\)"
    command = ("smbd --foreground --no-process-group --debug-stdout "
               "--debuglevel 3 --configfile @folder@/smb.conf")
    files = {"smb.conf": """
[global]
smb ports = @port@
interfaces = @host@
bind interfaces only = yes
server role = standalone
load printers = no
printing = bsd
disable spoolss = yes
rpc start on demand helpers = no
private dir = @folder@
lock directory = @folder@
state directory = @folder@
cache directory = @folder@
pid directory = @folder@
ncalrpc dir = @folder@
"""}


class GitDaemon(DescribedCase, unittest.TestCase):
    program = "git daemon"
    packages = ("git",)
    tells = "log"
    request = "0025git-upload-pack /@word@\0host=x\0"
    until = "ERR"
    log = r"Connection from \[?@client@\]?:@client_port@"
    command = ("git daemon --verbose --log-destination=stderr --export-all "
               "--listen=@host@ --port=@port@ --base-path=@folder@ @folder@")

    def request_of(self, word):
        line = f"git-upload-pack /{word}\0host=x\0"
        return f"{len(line) + 4:04x}{line}".encode()


class Subversion(DescribedCase, unittest.TestCase):
    program = "svnserve"
    packages = ("subversion",)
    tells = "log"
    tells_mapped = False
    request = ("( 2 ( edit-pipeline ) 18:svn://x/repository 3:svn ( ) ) "
               "( ANONYMOUS ( 0: ) ) ( get-latest-rev ( ) ) ")
    until = r"\( success \( 0 \) \)"
    log = r" @client@ - \S+ get-latest-rev"
    log_in = "svn.log"
    commands = ("svnadmin create @folder@/repository",)
    command = ("svnserve --daemon --foreground --root @folder@ --log-file "
               "svn.log --listen-host @host@ --listen-port @port@")


class PyFTPdlib(DescribedCase, unittest.TestCase):
    program = "pyftpdlib"
    packages = ("python3-pyftpdlib",)
    tells = "log"
    takes_ipv6_on_ipv4 = False
    request = "QUIT\r\n"
    log = "@client@:@client_port@-.* FTP session closed"
    command = "python3 -m pyftpdlib --interface=@host@ --port=@port@"


class Distcc(DescribedCase, unittest.TestCase):
    program = "distccd"
    packages = ("distcc",)
    tells = "log"
    request = "DIST00000001ARGC00000000"
    half_close = True
    log = r"connection from \[?@client@\]?:@client_port@"
    command = ("distccd --no-detach --daemon --log-stderr --verbose --jobs 2 "
               "--allow 0.0.0.0/0 --allow ::/0 --listen @host@ --port @port@")


if __name__ == "__main__":
    fixture.main()
