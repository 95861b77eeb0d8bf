# SPDX-License-Identifier: ISC
"""Java's com.sun.net.httpserver: NIO, epoll."""
import ipaddress
import unittest

import fixture
from fixture.servers import ServerCase

SOURCE = """
import com.sun.net.httpserver.*;
import java.net.*;

public class Tell {
    static String text(InetSocketAddress name) {
        return name.getAddress().getHostAddress().split("%")[0] + " "
            + name.getPort();
    }

    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(
            arguments[0], Integer.parseInt(arguments[1])), 1024);
        server.createContext("/", exchange -> {
            byte[] told = (exchange.getRequestURI().getPath().substring(1)
                + " " + text(exchange.getRemoteAddress()) + " "
                + text(exchange.getLocalAddress()) + "\\n").getBytes();
            exchange.sendResponseHeaders(200, told.length);
            exchange.getResponseBody().write(told);
            exchange.close();
        });
        server.start();
        System.out.println("listening");
    }
}
"""


class Java(ServerCase, unittest.TestCase):
    program = "Java HttpServer"
    packages = ("default-jdk-headless",)
    tells = "getRemoteAddress, getLocalAddress"
    # it tells of ::ffff:192.0.2.1 as 192.0.2.1
    tells_mapped = False

    def start(self, host, port):
        folder = fixture.folder(self.addCleanup)
        path = folder + "/Tell.java"
        with open(path, "w", encoding="ascii") as file:
            file.write(SOURCE)
        program = self.launch(["java", path, host, str(port)])
        program.wait_line("^listening$")
        return program

    def request(self, word):
        return f"GET /{word} HTTP/1.0\r\n\r\n".encode()

    def told(self, program, word):
        self.words = self.answer.decode().split("\r\n\r\n")[-1].split()
        self.assertEqual(self.words[:1], [word], self.answer)
        return self.plain(self.words[1]), self.words[2]

    def destination(self, program, word):
        return self.plain(self.words[3]), self.words[4]

    @staticmethod
    def plain(address):
        """Without the zeros that Java writes out."""
        return str(ipaddress.ip_address(address))


if __name__ == "__main__":
    fixture.main()
