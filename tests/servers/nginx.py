# SPDX-License-Identifier: ISC
"""nginx, with several workers, logs its clients as it sees them."""
import concurrent.futures
import os
import shutil
import tempfile
import unittest

import fixture
from fixture.haproxy import Front, sbin_path
from fixture.servers import V4, ServerCase

CONFIG = """
daemon off;
worker_processes 2;
pid {folder}/pid;
error_log stderr notice;
{user}
events {{ worker_connections 256; }}
http {{
    log_format client '$remote_addr $remote_port $request_uri $pid';
    access_log {folder}/access.log client;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {listen} reuseport;
        location / {{ return 200 "hello\\n"; }}
    }}
}}
"""


class Nginx(ServerCase, unittest.TestCase):
    program = "nginx"
    packages = ("nginx-light",)
    tells = "access log"
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        fixture.need("nginx")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        listen = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        config = self.folder + "/nginx.conf"
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(
                folder=self.folder, listen=listen,
                user="user root;" if os.getuid() == 0 else ""))
        program = self.launch(
            [shutil.which("nginx", path=sbin_path()), "-p", self.folder,
             "-c", config, "-e", "stderr"])
        program.wait_line("start worker process \\d+")
        return program

    def request(self, word):
        return f"GET /{word} HTTP/1.0\r\n\r\n".encode()

    def log(self, word):
        """The words of the line about a request."""
        with open(self.folder + "/access.log", encoding="ascii") as file:
            for line in file:
                if f" /{word} " in line:
                    return line.split()
        return None

    def told(self, program, word):
        fixture.wait_for(lambda: self.log(word), f"{word} in the log")
        return self.log(word)[:2]

    def test_many_clients_of_several_workers(self):
        program, server = self.serve(V4)
        fronts = [Front(V4, options, server)
                  for options in ("send-proxy", "send-proxy-v2")]
        self.proxy(*fronts)
        words = [f"client{number}." for number in range(100)]

        def ask(number):
            client = fronts[number % 2].connect(
                source=f"127.77.0.{1 + number}")
            self.check_client(program, V4, words[number], client)

        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            list(pool.map(ask, range(len(words))))
        # SO_REUSEPORT spreads connections by their ports
        self.assertEqual(len({self.log(word)[3] for word in words}), 2)


if __name__ == "__main__":
    fixture.main()
