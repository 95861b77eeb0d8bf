# SPDX-License-Identifier: ISC
"""Programs of Go, which `proxyproto run` supervises with no option."""
import unittest

import fixture
from fixture.compiled import CompiledCase
from fixture.described import HTTP, DescribedCase

HTTP_SERVER = r"""
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s\n", r.URL.Path, r.RemoteAddr,
			r.Context().Value(http.LocalAddrContextKey))
	})
	panic(http.ListenAndServe(os.Args[1], nil))
}
"""

ECHO = r"""
package main

@import@

import (
	"bufio"
	"fmt"
	"net"
	"os"
)

func serve(client net.Conn) {
	defer client.Close()
	line, err := bufio.NewReader(client).ReadString('\n')
	if err == nil {
		fmt.Fprintf(client, "%s %s /%s", client.RemoteAddr(),
			client.LocalAddr(), line)
	}
}

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		panic(err)
	}
@begin@
	for {
		client, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go serve(client)
	}
}
"""


def echo(more="", begin=""):
    return ECHO.replace("@import@", more).replace("@begin@", begin)


class GoCase(DescribedCase):
    """Mixed into a case of a program of Debian's."""

    layer = "supervised"
    means = "supervised"
    tells_mapped = False

    @classmethod
    def saw(cls, text):
        """Without the threads, which its runtime starts when it likes."""
        super().saw(text.replace("thread, ", ""))


class SourceCase(GoCase, CompiledCase):
    """Mixed into a case of a source."""

    packages = ("golang-go", "gcc", "libc6-dev")
    tells = "RemoteAddr, LocalAddr"
    command = "@built@/server @address@"


class NetHTTP(SourceCase, unittest.TestCase):
    program = "Go, net/http"
    source = ("main.go", HTTP_SERVER)
    compile = "env CGO_ENABLED=0 go build -o server @source@"
    request = HTTP
    answer = (r"/@word@ \[?@client@\]?:@client_port@ "
              r"\[?@reached@\]?:@reached_port@\n")


class Echo(SourceCase, unittest.TestCase):
    program = "Go, an echo on TCP"
    source = ("main.go", echo())
    compile = "env CGO_ENABLED=0 go build -o server @source@"
    test_in_a_row_behind_a_trusted_proxy = None
    request = "@word@\n"
    answer = (r"\[?@client@\]?:@client_port@ "
              r"\[?@reached@\]?:@reached_port@ /@word@\n")


class WithC(Echo, unittest.TestCase):
    program = "Go, linked with libc (cgo)"
    source = ("main.go", echo('// #include <stdio.h>\nimport "C"',
                              '\tC.puts(C.CString("listening"))'))
    compile = "env CGO_ENABLED=1 go build -o server @source@"


class Caddy(GoCase, unittest.TestCase):
    program = "Caddy"
    packages = ("caddy",)
    tells = "its placeholders {remote_host}, {remote_port}"
    test_in_a_row_behind_a_trusted_proxy = None
    variables = {"HOME": "@folder@", "XDG_DATA_HOME": "@folder@"}
    command = "caddy run --config @folder@/Caddyfile --adapter caddyfile"
    request = HTTP
    answer = "/@word@ @client@ @client_port@\n"
    files = {"Caddyfile": """{
	admin off
	auto_https off
}
http://:@port@ {
	bind @host@
	respond "{path} {remote_host} {remote_port}
"
}
"""}


class NATS(GoCase, unittest.TestCase):
    program = "NATS"
    packages = ("nats-server",)
    test_in_a_row_behind_a_trusted_proxy = None
    tells = "client_ip in its first line; log"
    command = "nats-server -D -a @host@ -p @port@"
    request = 'CONNECT {"verbose":false,"name":"@word@"}\r\nPING\r\n'
    until = r"PONG\r\n"
    answer = '"client_ip":"@client@"'
    log = r"@client@\]?:@client_port@ .*Client connection created"


class Prometheus(GoCase, unittest.TestCase):
    program = "Prometheus"
    packages = ("prometheus",)
    test_in_a_row_behind_a_trusted_proxy = None
    tells = "log of queries"
    tells_port = False
    command = ("prometheus --config.file=@folder@/prometheus.yml "
               "--storage.tsdb.path=@folder@/data "
               "--web.listen-address=@address@")
    files = {"prometheus.yml":
             "global: {query_log_file: @folder@/queries}\n"}
    ready = "Server is ready to receive web requests"
    request = HTTP.replace("/@word@", "/api/v1/query?query=%22@word@%22")
    log = r'(?=.*"clientIP":"@client@")(?=.*"query":"\\"@word@\\"")'
    log_in = "queries"

    def wait_until_ready(self, program, port):
        program.wait_line(self.ready)


class Webhook(GoCase, unittest.TestCase):
    program = "webhook"
    packages = ("webhook",)
    test_in_a_row_behind_a_trusted_proxy = None
    tells = "log"
    command = ("webhook -verbose -ip @bracketed@ -port @port@ "
               "-hooks @folder@/hooks")
    request = HTTP.replace("/@word@", "/hooks/hello?@word@")
    log = r"HTTP GET request from \[?@client@\]?:@client_port@"
    files = {"hooks": '[{"id": "hello", "execute-command": "/bin/true",'
                      ' "response-message": "hello"}]'}

    def fill(self, text):
        host = self.values["host"]
        return super().fill(text.replace(
            "@bracketed@", f"[{host}]" if ":" in host else host))


if __name__ == "__main__":
    fixture.main()
