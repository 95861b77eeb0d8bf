# SPDX-License-Identifier: ISC
"""Directories, tunnels, proxies and caches, and what streams."""
import unittest

import fixture
from fixture import squid
from fixture.described import HTTP, DescribedCase


class Slapd(DescribedCase, unittest.TestCase):
    program = "OpenLDAP slapd"
    tells_mapped = False
    packages = ("slapd",)
    tells = "log, access rules: peername"
    log = r"ACCEPT from IP=\[?@client@\]?:@client_port@ "
    half_close = True
    command = "slapd -d stats -f @folder@/slapd.conf -h ldap://@address@"
    files = {"slapd.conf": "modulepath /usr/lib/ldap\nmoduleload back_null\n"
                           "database null\nsuffix cn=example\n"}

    def request_of(self, word):
        # an anonymous bind, and unbind
        return bytes.fromhex("300c020101600702010304008000" "30050201024200")


class Stunnel(DescribedCase, unittest.TestCase):
    program = "stunnel"
    packages = ("stunnel4",)
    tells = "log"
    request = "\n"
    half_close = True
    log = (r"Service \[x\] accepted connection from \[?@client@\]?:"
           r"@client_port@")
    command = "stunnel @folder@/stunnel.conf"
    files = {"psk": "test:000102030405060708090a0b0c0d0e0f\n",
             "stunnel.conf": """
foreground = yes
pid =
syslog = no
debug = info
[x]
accept = @host@:@port@
connect = 127.0.0.1:9
ciphers = PSK
PSKsecrets = @folder@/psk
"""}


class Dropbear(DescribedCase, unittest.TestCase):
    program = "Dropbear sshd"
    packages = ("dropbear-bin",)
    tells = "log"
    request = "SSH-2.0-x\r\n"
    half_close = True
    log = r"Child connection from \[?@client@\]?:@client_port@"
    commands = ("dropbearkey -t ed25519 -f @folder@/key",)
    command = "dropbear -F -E -r @folder@/key -P @folder@/pid -p @address@"


class Squid(squid.Squid, DescribedCase, unittest.TestCase):
    program = "Squid"
    packages = ("squid",)
    commands = ("chmod 777 @folder@",)
    command = "squid -N -f @folder@/squid.conf"
    files = squid.files(workers=1)


class Varnish(DescribedCase, unittest.TestCase):
    program = "Varnish"
    packages = ("varnish",)
    tells = "VCL: client.ip, std.port(client.ip); log"
    tells_mapped = False
    request = HTTP
    answer = r"/@word@ @client@ @client_port@"
    command = ("varnishd -F -a @address@ -f @folder@/tell.vcl -n @folder@/n "
               "-s malloc,10m")
    files = {"tell.vcl": """
vcl 4.1;
import std;
backend none none;
sub vcl_recv { return (synth(200)); }
sub vcl_synth {
    synthetic(req.url + " " + client.ip + " " + std.port(client.ip) + " "
        + local.ip + " ");
    return (deliver);
}
"""}

    @classmethod
    def saw(cls, text):
        # its pool starts one when it likes
        super().saw(text.replace("thread, ", ""))


class PgBouncer(DescribedCase, unittest.TestCase):
    program = "PgBouncer"
    packages = ("pgbouncer",)
    tells = "log, SHOW CLIENTS, its pg_hba.conf"
    request = "\0\0\0\x11\0\3\0\0user\0@word@\0\0"
    log = r"@\[?@client@\]?:@client_port@ "
    command = "pgbouncer @folder@/pgbouncer.ini"
    files = {"pgbouncer.ini": """
[databases]
[pgbouncer]
listen_addr = @host@
listen_port = @port@
unix_socket_dir =
auth_type = any
log_connections = 1
user = nobody
"""}


class MPD(DescribedCase, unittest.TestCase):
    program = "Music Player Daemon"
    packages = ("mpd",)
    tells = "log"
    tells_mapped = False
    request = "close\n"
    log = r"opened from \[?@client@\]?:@client_port@"
    command = "mpd --no-daemon --stderr --verbose @folder@/mpd.conf"
    files = {"mpd.conf": """
bind_to_address "@host@"
port "@port@"
music_directory "@folder@"
db_file "@folder@/db"
max_connections "1000"
zeroconf_enabled "no"
audio_output {
    type "null"
    name "null"
}
"""}


if __name__ == "__main__":
    fixture.main()
