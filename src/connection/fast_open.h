/* SPDX-License-Identifier: ISC */
/* Socket options of TCP Fast Open that some C libraries do not name. */
#ifndef PP_CONNECTION_FAST_OPEN_H
#define PP_CONNECTION_FAST_OPEN_H

#include <netinet/in.h>
#include <netinet/tcp.h>

/* since Linux 4.11 */
#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif
/* 4.15 */
#ifndef TCP_FASTOPEN_KEY
#define TCP_FASTOPEN_KEY 33
#endif
#ifndef TCP_FASTOPEN_NO_COOKIE
#define TCP_FASTOPEN_NO_COOKIE 34
#endif

#endif
