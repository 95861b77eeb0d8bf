# SPDX-License-Identifier: ISC
"""UDP of languages that make calls of their own; others are in
tests/udp/programs.py."""
import ipaddress
import unittest

import fixture
from fixture.udp_servers import OnlyIPv4Case, UDPCase

ANSWER = "^@word@ @client@ @client_port@$"


class C(UDPCase, unittest.TestCase):
    program = "C, recvmmsg"
    packages = ("gcc", "libc6-dev")
    tells = "recvmmsg's msg_name"
    request = "@word@"
    answer = ANSWER
    commands = ("gcc -O2 -D_FORTIFY_SOURCE=2 -o server server.c",)
    command = "@folder@/server @host@ @port@"
    files = {"server.c": r"""
#define _GNU_SOURCE
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { COUNT = 16, SIZE = 2048, ROOM = 100 };

int main(int number, char **arguments)
{
	static char bytes[COUNT][SIZE];
	static struct sockaddr_storage names[COUNT];
	static struct iovec parts[COUNT];
	static struct mmsghdr messages[COUNT], answers[COUNT];
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *info;
	int fd;

	if (number != 3 ||
	    getaddrinfo(arguments[1], arguments[2], &hints, &info) != 0)
		return 2;
	fd = socket(info->ai_family, SOCK_DGRAM, 0);
	if (bind(fd, info->ai_addr, info->ai_addrlen) != 0)
		return 1;
	for (;;) {
		for (int i = 0; i < COUNT; i++) {
			parts[i].iov_base = bytes[i];
			parts[i].iov_len = SIZE - ROOM;
			messages[i].msg_hdr.msg_name = &names[i];
			messages[i].msg_hdr.msg_namelen = sizeof(names[i]);
			messages[i].msg_hdr.msg_iov = &parts[i];
			messages[i].msg_hdr.msg_iovlen = 1;
		}
		int got = recvmmsg(fd, messages, COUNT, MSG_WAITFORONE, NULL);
		unsigned count = 0;

		if (got < 0)
			return 1;
		for (int i = 0; i < got; i++) {
			char host[64], port[8];
			int size = (int)messages[i].msg_len;

			if (size == 0)	/* as one that was dropped */
				continue;
			getnameinfo((void *)&names[i],
				    messages[i].msg_hdr.msg_namelen, host,
				    sizeof(host), port, sizeof(port),
				    NI_NUMERICHOST | NI_NUMERICSERV);
			size += snprintf(bytes[i] + size, ROOM, " %s %s", host,
					 port);
			parts[i].iov_len = (size_t)size;
			answers[count++] = messages[i];
		}
		for (unsigned sent = 0; sent < count;) {
			int n = sendmmsg(fd, answers + sent, count - sent, 0);
			if (n < 0)
				return 1;
			sent += (unsigned)n;
		}
	}
}
"""}


class Ruby(OnlyIPv4Case, unittest.TestCase):
    program = "Ruby UDPSocket"
    packages = ("ruby",)
    tells = "what recvfrom returns"
    request = "@word@"
    answer = ANSWER
    command = "ruby server.rb @host@ @port@"
    files = {"server.rb": """
require "socket"
server = UDPSocket.new(ARGV[0].include?(":") ? Socket::AF_INET6 :
                       Socket::AF_INET)
server.bind(ARGV[0], ARGV[1].to_i)
loop do
  data, from = server.recvfrom(2048)
  server.send("#{data} #{from[3]} #{from[1]}", 0, from[3], from[1])
end
"""}


class Java(UDPCase, unittest.TestCase):
    program = "Java DatagramChannel"
    packages = ("default-jdk-headless",)
    tells = "what receive returns"
    tells_mapped = False
    request = "@word@"
    answer = ANSWER
    ready = "^bound$"
    command = "java @folder@/Server.java @host@ @port@"
    files = {"Server.java": """
import java.net.*;
import java.nio.ByteBuffer;
import java.nio.channels.*;

public class Server {
    public static void main(String[] arguments) throws Exception {
        DatagramChannel channel = DatagramChannel.open();
        channel.bind(new InetSocketAddress(
            arguments[0], Integer.parseInt(arguments[1])));
        channel.configureBlocking(false);
        Selector selector = Selector.open();
        channel.register(selector, SelectionKey.OP_READ);
        ByteBuffer data = ByteBuffer.allocateDirect(2048);
        System.out.println("bound");
        for (;;) {
            selector.select();
            selector.selectedKeys().clear();
            InetSocketAddress from;
            while ((from = (InetSocketAddress) channel.receive(data))
                   != null) {
                data.put((" " + from.getAddress().getHostAddress()
                    .split("%")[0] + " " + from.getPort()).getBytes());
                data.flip();
                channel.send(data, from);
                data.clear();
            }
        }
    }
}
"""}

    @classmethod
    def saw(cls, text):
        # of what came together the first alone was waited for
        super().saw(text.replace("blocks in", "epoll_wait,"))

    def answer_of(self, client):
        word, name, port = super().answer_of(client).split()
        # without the zeros that Java writes out
        return f"{word} {ipaddress.ip_address(name)} {port}"


if __name__ == "__main__":
    fixture.main()
