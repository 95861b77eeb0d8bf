# SPDX-License-Identifier: ISC
"""nginx's stream module passes its clients on, by a header of its own."""
import os
import unittest

import fixture
from fixture.haproxy import join
from fixture.servers import ANYWHERE, V6, ServerCase

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

    def request(self, word):
        return f"GET /{word} HTTP/1.0\r\n\r\n".encode()

    def told(self, program, word):
        return self.answer.decode().split()[-4:-2]

    def destination(self, program, word):
        return self.answer.decode().split()[-2:]


if __name__ == "__main__":
    fixture.main()
