/* SPDX-License-Identifier: ISC */
/*
 * What a signal means to a call that waits by poll(2) in place of one that the
 * program made.
 */
#ifndef PP_PRELOAD_INTERRUPTED_H
#define PP_PRELOAD_INTERRUPTED_H

#include <stdbool.h>

/*
 * poll(2) is interrupted by any handler, accept(2), read(2), write(2) and the
 * like only by one that was installed without SA_RESTART, unless they have a
 * timeout. Which one ran is not known: true where all of them restart, as that
 * one did then. Signal-safe.
 */
bool pp_handlers_restart(void);

#endif
