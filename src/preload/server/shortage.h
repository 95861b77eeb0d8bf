/* SPDX-License-Identifier: ISC */
/* Where descriptors are short, those who wait give theirs up. */
#ifndef PP_PRELOAD_SERVER_SHORTAGE_H
#define PP_PRELOAD_SERVER_SHORTAGE_H

#include <stdbool.h>

/* Gives up who has waited longest in this process. False if nobody waits. */
bool pp_shortage_give_up_oldest(void);

/*
 * Sees to it that one more may wait: half of the descriptors that the process
 * may open are the program's.
 */
void pp_shortage_make_room(void);

#endif
