// SPDX-License-Identifier: ISC
/*
A server in Go for the benchmarks, which knows nothing of the library:

	serve echo|http

It listens on 127.0.0.1, prints "port N", and sends back what it gets, or
answers each request.
*/
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

func sendBack(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 4096)
	for {
		size, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := connection.Write(buffer[:size]); err != nil {
			return
		}
	}
}

func answer(writer http.ResponseWriter, _ *http.Request) {
	io.WriteString(writer, "hello")
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
	if len(os.Args) == 2 && os.Args[1] == "http" {
		log.Fatal(http.Serve(listener, http.HandlerFunc(answer)))
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go sendBack(connection)
	}
}
