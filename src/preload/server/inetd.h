/* SPDX-License-Identifier: ISC */
/*
 * LIBPROXYPROTO_INETD: a program that is started once a connection, with the
 * connection on descriptor 0 (inetd) or 3 (systemd, Accept=yes), by something
 * that knows nothing of the header.
 */
#ifndef PP_PRELOAD_SERVER_INETD_H
#define PP_PRELOAD_SERVER_INETD_H

/*
 * Takes the header off the connection that the program was started with, where
 * the settings ask for it; called by the library's constructor, before main.
 * Waits for the header as long as TIMEOUT says. Keeps errno.
 */
void pp_inetd_start(void);

#endif
