# SPDX-License-Identifier: ISC
"""Static programs, and others that call the kernel without libc, which
`proxyproto run` supervises with no option."""
import ipaddress
import unittest

import fixture
from fixture import evidence, matrix
from fixture.compiled import CompiledCase
from fixture.described import DescribedCase
from fixture.haproxy import Front
from fixture.servers import V4

# Arguments: an address and a port. Tells the client, and where it came to.
C_SOURCE = r"""
#define _GNU_SOURCE
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef URING
#include <liburing.h>

static struct io_uring ring;
static int has_ring;
#endif

static int take(int listener)
{
#ifdef POLL
	struct pollfd ready = { .fd = listener, .events = POLLIN };

	while (poll(&ready, 1, -1) != 1)
		;
#endif
#ifdef URING
	struct io_uring_cqe *done;

	if (has_ring) {
		io_uring_prep_accept(io_uring_get_sqe(&ring), listener, NULL,
				     NULL, 0);
		io_uring_submit(&ring);
		if (io_uring_wait_cqe(&ring, &done) != 0)
			exit(4);
		int fd = done->res;
		io_uring_cqe_seen(&ring, done);
		return fd;
	}
#endif
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static void name(FILE *to, int which, int fd)
{
	struct sockaddr_storage at;
	socklen_t size = sizeof(at);
	char host[80], port[10];

	if ((which ? getsockname : getpeername)(fd, (void *)&at, &size) != 0 ||
	    getnameinfo((void *)&at, size, host, sizeof(host), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		exit(5);
	fprintf(to, "%s %s ", host, port);
}

static void serve(int fd)
{
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	char line[80];

	if (fgets(line, sizeof(line), in)) {
		name(out, 0, fd);
		name(out, 1, fd);
		fprintf(out, "/%s", line);
	}
	fclose(out);
	fclose(in);
}

int main(int argc, char **argv)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *at;
	int listener, on = 1;

	signal(SIGPIPE, SIG_IGN);
#ifdef URING
	has_ring = io_uring_queue_init(8, &ring, 0) == 0;
	puts(has_ring ? "by io_uring" : "by accept");
	fflush(stdout);
#endif
	if (argc < 3 || getaddrinfo(argv[1], argv[2], &hints, &at) != 0)
		return 1;
	listener = socket(at->ai_family, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, at->ai_addr, at->ai_addrlen) != 0 ||
	    listen(listener, 64) != 0)
		return 2;
#ifdef PREFORK
	for (int i = 0; i < PREFORK; i++)
		if (fork() == 0)
			break;
		else if (i == PREFORK - 1)
			while (wait(NULL) > 0)
				;
#endif
	for (;;) {
		int fd = take(listener);

		if (fd < 0)
			return 3;
		serve(fd);
	}
}
"""


class StaticCase(CompiledCase):
    packages = ("gcc", "libc6-dev")
    layer = "supervised"
    means = "supervised"
    tells = "getpeername, getsockname"
    source = ("server.c", C_SOURCE)
    command = "@built@/server @host@ @port@"
    request = "@word@\n"
    answer = "@client@ @client_port@ @reached@ @reached_port@ /@word@\n"


class Prefork(StaticCase, unittest.TestCase):
    program = "C, static, prefork"
    compile = "gcc -static -DPREFORK=4 -o server @source@"


class Musl(StaticCase, unittest.TestCase):
    program = "C, static with musl"
    packages = ("musl-tools",)
    test_in_a_row_behind_a_trusted_proxy = None
    compile = "musl-gcc -static -DPOLL -o server @source@"


class Uring(StaticCase, unittest.TestCase):
    program = "C with liburing, static"
    packages = ("liburing-dev", "gcc", "libc6-dev")
    compile = "gcc -static -DURING -o server @source@ -luring"
    note = "io_uring is refused, and it falls back to accept"
    test_in_a_row_behind_a_trusted_proxy = None

    def wait_until_ready(self, program, port):
        super().wait_until_ready(program, port)
        self.assertEqual(program.wait_line("^by ").string, "by accept"
                         if self.prefix() and not self.trace
                         else "by io_uring")

    if matrix.ROWS:
        def test_how_it_waits_and_accepts(self):
            """strace shows no accept; it tells of io_uring itself."""
            self.trace = evidence.Trace(self)
            self.serve(V4)
            self.saw("accepts by io_uring where it may")


class DynamicUring(Uring):
    """It imports accept, too, so that a preload would reach it in part."""

    program = "C with liburing"
    compile = "gcc -DURING -o server @source@ -luring"


PASCAL_SOURCE = r"""
{$mode objfpc}{$H+}
uses BaseUnix, Sockets, SysUtils;

function Named(const at: TInetSockAddr6): string;
var
  v4: TInetSockAddr absolute at;
  i: Integer;
begin
  if at.sin6_family = AF_INET then
    Exit(NetAddrToStr(v4.sin_addr) + ' ' + IntToStr(ntohs(v4.sin_port)));
  Result := '';
  for i := 0 to 7 do
    Result := Result + ':' +
      LowerCase(IntToHex(ntohs(at.sin6_addr.s6_addr16[i]), 4));
  Delete(Result, 1, 1);
  Result := Result + ' ' + IntToStr(ntohs(at.sin6_port));
end;

var
  at: TInetSockAddr6;
  at4: TInetSockAddr absolute at;
  size: TSockLen;
  listener, client, got, on: LongInt;
  line: array[0..79] of Char;
  word, answer: string;
begin
  fpSignal(SIGPIPE, SignalHandler(SIG_IGN));
  FillChar(at, SizeOf(at), 0);
  if Pos(':', ParamStr(1)) > 0 then begin
    at.sin6_family := AF_INET6;
    at.sin6_port := htons(StrToInt(ParamStr(2)));
    at.sin6_addr := StrToNetAddr6(ParamStr(1));
    size := SizeOf(at);
  end else begin
    at4.sin_family := AF_INET;
    at4.sin_port := htons(StrToInt(ParamStr(2)));
    at4.sin_addr := StrToNetAddr(ParamStr(1));
    size := SizeOf(at4);
  end;
  listener := fpSocket(at.sin6_family, SOCK_STREAM, 0);
  on := 1;
  fpSetSockOpt(listener, SOL_SOCKET, SO_REUSEADDR, @on, SizeOf(on));
  if (fpBind(listener, @at, size) <> 0) or (fpListen(listener, 64) <> 0) then
    Halt(2);
  while true do begin
    size := SizeOf(at);
    client := fpAccept(listener, @at, @size);
    if client < 0 then
      Halt(3);
    answer := Named(at) + ' ';
    got := fpRecv(client, @line, SizeOf(line), 0);
    if got > 0 then begin
      SetString(word, PChar(@line), got);
      size := SizeOf(at);
      fpGetSockName(client, @at, @size);
      answer := answer + Named(at) + ' /' + word;
      fpSend(client, PChar(answer), Length(answer), 0);
    end;
    fpClose(client);
  end;
end.
"""


class Pascal(StaticCase, unittest.TestCase):
    program = "Free Pascal, its unit sockets"
    packages = ("fp-compiler", "fp-units-base-3.2.2")
    tells = "fpAccept, fpGetSockName"
    source = ("server.pas", PASCAL_SOURCE)
    test_in_a_row_behind_a_trusted_proxy = None
    compile = "fpc -oserver @source@"

    def as_told(self, listener, name):
        """It writes all groups of an IPv6 address."""
        return ipaddress.ip_address(super().as_told(listener, name)).exploded


RUST_SOURCE = r"""
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

fn main() {
    let at = std::env::args().nth(1).unwrap();
    for client in TcpListener::bind(at).unwrap().incoming() {
        let mut client = client.unwrap();
        std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(&client).read_line(&mut line).unwrap();
            let (there, here) = (client.peer_addr(), client.local_addr());
            if let (Ok(there), Ok(here)) = (there, here) {
                let answer = format!("{} {} {} {} /{}", there.ip(),
                    there.port(), here.ip(), here.port(), line);
                let _ = client.write_all(answer.as_bytes());
            }
        });
    }
}
"""


class Rust(StaticCase, unittest.TestCase):
    program = "Rust, static"
    packages = ("rustc", "gcc", "libc6-dev")
    tells = "peer_addr, local_addr"
    source = ("server.rs", RUST_SOURCE)
    test_in_a_row_behind_a_trusted_proxy = None
    compile = "rustc -C target-feature=+crt-static -o server @source@"
    command = "@built@/server @address@"


class Script(StaticCase, unittest.TestCase):
    """It has a server of C, which is static, and one of Python."""

    program = "a shell script that starts two servers"
    test_in_a_row_behind_a_trusted_proxy = None
    compile = "gcc -static -o server @source@"
    command = "sh @folder@/serve.sh"
    files = {"serve.sh": """
@built@/server @host@ @port@ &
python3 @folder@/serve.py &
wait
""", "serve.py": """
import socketserver
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        word = self.rfile.readline().decode()
        self.wfile.write("{} {} {} {} /{}".format(
            *self.client_address[:2], *self.request.getsockname()[:2],
            word).encode())
class Server(socketserver.ThreadingTCPServer):
    address_family = socketserver.socket.@family@
Server(("@host@", @second@), Handler).serve_forever()
"""}

    def fill(self, text):
        text = text.replace("@second@", str(self.second)).replace(
            "@family@", "AF_INET6" if ":" in self.values["host"]
            else "AF_INET")
        return super().fill(text)

    def start(self, host, port):
        self.second = fixture.free_port(host)
        return super().start(host, port)

    def test_the_other_one(self):
        program, server = self.serve(V4)
        fixture.wait_for(lambda: fixture.listening(self.second), "the second")
        fronts = [Front(V4, options, at)
                  for options in ("send-proxy", "send-proxy-v2")
                  for at in (server, (V4, self.second))]
        self.proxy(*fronts)
        for number in range(20):
            self.check_client(program, V4, f"word{number}.",
                              fronts[number % 4].connect())


if __name__ == "__main__":
    fixture.main()
