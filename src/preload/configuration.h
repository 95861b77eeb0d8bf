/* SPDX-License-Identifier: ISC */
/* The settings of this process: read once, then immutable. */
#ifndef PP_PRELOAD_CONFIGURATION_H
#define PP_PRELOAD_CONFIGURATION_H

#include "settings/settings.h"

#include <stdbool.h>

/*
 * For the library's constructor: looks up what it calls (real.h), and reads the
 * environment, which daemons overwrite later. False where another copy of the
 * library does the work.
 */
bool pp_configuration_start(void);

/* The library's name, at the head of each line it writes. */
extern const char pp_library[];

/*
 * The settings: those of the environment, read by the library's constructor,
 * or earlier if another constructor calls a hook before it; and those of the
 * file once pp_configuration_complete has read it. Never NULL; what it points
 * to never changes; thread-safe and signal-safe.
 */
const struct pp_settings *pp_configuration(void);

/*
 * Reads the server's settings file where that is still to be done. Where it
 * fails it is not tried again. Thread-safe, signal-safe, no cancellation point,
 * keeps errno.
 */
void pp_configuration_complete(void);

/*
 * False where a setting has a bad value, or the file cannot be read now, for
 * want of descriptors or memory: that is tried again. Says nothing. Otherwise
 * as pp_configuration_complete.
 */
bool pp_configuration_is_valid(void);

/*
 * For the server, in debug mode: one line, the first time that the process (or
 * its parent before fork) has a TCP listener, or one of pp_is_unix_stream, with
 * what the settings are and where they come from; by is "listen" or the like.
 * Only where the settings are complete. Keeps errno.
 */
void pp_configuration_report(const char *by, int fd);

/*
 * May a hook go on with this socket? Not where it is an internet socket, or one
 * of pp_is_unix_stream, and the settings are not valid: then the reason is
 * written to stderr, once a process, and errno is EINVAL. Nor where the file
 * cannot be read now: errno says why, and the next call tries again. One load
 * once they are known to be valid; before, a system call, and other sockets
 * than those cause nothing to be read. Keeps errno where it allows.
 */
bool pp_configuration_require_valid(int fd);

/* False where the settings switch the library off. */
bool pp_is_on(void);

/*
 * Is it on, and nothing bad in the settings as far as they are read? Else
 * nobody's statement counts: a bad TRUSTED would be everyone's. One load.
 */
bool pp_is_usable(void);

/*
 * Does UNIX ask for Unix sockets? So does a value that is not valid. One load,
 * once the settings are read.
 */
bool pp_is_unix_asked(void);

/*
 * For the client: do datagrams get headers? So does a bad value of UDP ask. One
 * load, once the settings are read.
 */
bool pp_is_udp_asked(void);

/*
 * Is the descriptor a Unix stream socket, and UNIX asks for those? No system
 * call where it does not, otherwise two.
 */
bool pp_is_unix_stream(int fd);

#endif
