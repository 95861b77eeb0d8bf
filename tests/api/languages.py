# SPDX-License-Identifier: ISC
"""<proxyproto.h> for compilers of C and C++, old and new, all of them strict."""
import os
import subprocess
import tempfile
import unittest

import fixture
from fixture import linking

# Each function with its exact type, and each structure.
USE = r"""
#include <proxyproto.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    int (*parse)(const void *, size_t, struct proxyproto_header *) =
        proxyproto_parse;
    ssize_t (*add)(void *, size_t, unsigned, const void *, size_t) =
        proxyproto_add_tlv;
    int (*next)(const void *, size_t, size_t *, struct proxyproto_tlv *) =
        proxyproto_next_tlv;
    unsigned char bytes[256];
    struct proxyproto_header header;
    struct proxyproto_tlv tlv;
    struct proxyproto_ssl ssl;
    size_t offset = 0;
    ssize_t length;

    memset(&header, 0, sizeof(header));
    header.version = 2;
    header.command = PROXYPROTO_PROXY;
    header.transport = PROXYPROTO_STREAM;
    header.source.in.sin_family = AF_INET;
    header.source.in.sin_port = htons(1111);
    header.destination.in.sin_family = AF_INET;
    length = proxyproto_format(&header, bytes, sizeof(bytes));
    length = add(bytes, sizeof(bytes), PROXYPROTO_TLV_ALPN, "h2", 2);
    length = proxyproto_add_ssl(bytes, sizeof(bytes), PROXYPROTO_SSL_TLS, 1);
    length = proxyproto_add_ssl_tlv(bytes, sizeof(bytes),
                                    PROXYPROTO_TLV_SSL_CN, "me", 2);
    length = proxyproto_add_crc32c(bytes, sizeof(bytes));
    if (length < 0)
        puts(proxyproto_strerror((int)length));
    if (parse(bytes, (size_t)length, &header) != PROXYPROTO_COMPLETE)
        return 1;
    while (next(header.tlvs, header.tlvs_length, &offset, &tlv) == 1)
        printf("%s ", proxyproto_tlv_name(tlv.type));
    if (proxyproto_find_tlv(header.tlvs, header.tlvs_length,
                            PROXYPROTO_TLV_SSL, &tlv) != 1 ||
        proxyproto_read_ssl(&tlv, &ssl) != PROXYPROTO_COMPLETE)
        return 2;
    printf("%u %u %d\n", ssl.client, (unsigned)ssl.verify,
           ntohs(header.source.in.sin_port));
    return 0;
}
"""


class Languages(unittest.TestCase):
    def check(self, compiler, *options):
        with tempfile.TemporaryDirectory() as folder:
            source = folder + ("/use.cc" if "++" in compiler else "/use.c")
            with open(source, "w", encoding="ascii") as file:
                file.write(USE)
            for package in linking.LIBRARIES:
                program = linking.build(source, folder + "/use", package,
                                        (compiler, *options))
                done = subprocess.run([program], env=fixture.environment(),
                                      stdout=subprocess.PIPE, text=True,
                                      check=True)
                self.assertEqual(done.stdout, "alpn ssl crc32c 1 1 1111\n")

    def test_gcc(self):
        self.check("gcc", "-std=gnu99", "-Wstrict-prototypes")
        self.check("gcc", "-std=gnu17", "-Wconversion", "-Wcast-qual")

    def test_gxx(self):
        self.check("g++", "-std=c++98")
        self.check("g++", "-std=c++20", "-Wconversion", "-Wcast-qual")

    def test_clang(self):
        self.check("clang", "-std=c11", "-Wconversion", "-Wdocumentation")

    def test_musl(self):
        """The header alone, as that C library declares what it needs."""
        fixture.need("musl-gcc")
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/use.c", "w", encoding="ascii") as file:
                file.write(USE)
            subprocess.run(
                ["musl-gcc", *linking.STRICT, "-c", "-I",
                 os.path.join(linking.SOURCE, "src/api"), "-o",
                 folder + "/use.o", folder + "/use.c"], check=True)


if __name__ == "__main__":
    fixture.main()
