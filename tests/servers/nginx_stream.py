# SPDX-License-Identifier: ISC
"""nginx's stream module passes its clients on, by a header of its own."""
import os
import socket
import unittest

import fixture
from fixture.haproxy import join
from fixture.servers import ANYWHERE, V4, V6, ServerCase

CONFIG = """
daemon off;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
worker_processes 2;
error_log stderr notice;
user www-data;
events {{ }}
stream {{
    server {{
        listen {listen} {more};
        proxy_pass unix:{socket};
        proxy_protocol on;
        proxy_half_close on;
    }}
}}
http {{
    access_log off;
    server {{
        listen unix:{socket} proxy_protocol;
        return 200 "$proxy_protocol_addr $proxy_protocol_port
$proxy_protocol_server_addr $proxy_protocol_server_port";
    }}
}}
"""


# Another one in front, which believes in turn whom a proxy states to it. It
# names the address that it was reached by as that is, of whichever family.
FRONT = """
daemon off;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
error_log stderr notice;
pid {folder}/front.pid;
user www-data;
events {{ }}
stream {{
    set_real_ip_from 127.0.0.1;
    set_real_ip_from ::1;
    proxy_half_close on;
    proxy_protocol on;
    server {{ listen 127.0.0.1:{port4} proxy_protocol; proxy_pass {to}; }}
    server {{ listen [::1]:{port6} proxy_protocol; proxy_pass {to}; }}
}}
"""


class Stream(ServerCase, unittest.TestCase):
    program = "nginx stream"
    packages = ("libnginx-mod-stream", "nginx-light")
    tells = "the header that it sends"
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        folder = fixture.folder(self.addCleanup)
        os.chmod(folder, 0o755)
        config = folder + "/nginx.conf"
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(listen=join(ANYWHERE[host], port),
                                     more="ipv6only=off" if host == V6 else "",
                                     socket=folder + "/socket"))
        program = self.launch(["nginx", "-c", config, "-e", "stderr"])
        program.wait_line("start worker process \\d+")
        return program

    def test_behind_one_that_names_addresses_of_two_families(self):
        fixture.need_ipv6()
        _, (_, port) = self.serve(V6)
        ports = fixture.free_port(V4), fixture.free_port(V6)
        folder = fixture.folder(self.addCleanup)
        with open(folder + "/front.conf", "w", encoding="ascii") as file:
            file.write(FRONT.format(folder=folder, port4=ports[0],
                                    port6=ports[1], to=join(V4, port)))
        front = fixture.Program(["nginx", "-c", folder + "/front.conf",
                                 "-e", "stderr"], fixture.environment())
        self.addCleanup(front.stop)
        front.wait_line("start worker process \\d+")
        for host, front_port, client, shown in (
                (V4, ports[0], "2001:db8::7", "2001:db8::7"),
                (V6, ports[1], "203.0.113.7", "::ffff:203.0.113.7")):
            destination = "2001:db8::8" if ":" in client else "192.0.2.1"
            with fixture.connect(front_port, fixture.v2(client, destination),
                                 host=host) as connection:
                connection.sendall(self.request("mixed"))
                connection.shutdown(socket.SHUT_WR)
                self.answer = fixture.read_all(connection)
            self.assertEqual(self.told(None, "mixed"), [shown, "1111"])

    def request(self, word):
        return f"GET /{word} HTTP/1.0\r\n\r\n".encode()

    def told(self, program, word):
        return self.answer.decode().split()[-4:-2]

    def destination(self, program, word):
        return self.answer.decode().split()[-2:]


if __name__ == "__main__":
    fixture.main()
