/* SPDX-License-Identifier: ISC */
/* The settings of this process: read once, then immutable. */
#ifndef PP_CONFIGURATION_H
#define PP_CONFIGURATION_H

#include "settings.h"

#include <stdbool.h>

/* The library's name, at the head of each line it writes. */
extern const char pp_library[];

/*
 * The settings. Read by the library's constructor, or earlier if another
 * constructor calls a hook before it. Never NULL; thread-safe.
 */
const struct pp_settings *pp_configuration(void);

/* False where a setting has a bad value. Says nothing. */
bool pp_configuration_is_valid(void);

/*
 * True where a setting has a bad value and the descriptor is an internet
 * socket: the hook must fail with EINVAL. Then the reason is written to
 * stderr, once a process. Costs nothing where all settings are good.
 */
bool pp_configuration_refuses(int fd);

/* False where the settings switch the library off. */
bool pp_is_on(void);

/* Is the descriptor an IPv4 or IPv6 socket? One system call. */
bool pp_is_internet_socket(int fd);

/* Is the descriptor a TCP (or Multipath TCP) socket? One system call. */
bool pp_is_tcp_socket(int fd);

#endif
