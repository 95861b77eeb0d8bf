/* SPDX-License-Identifier: ISC */
/*
 * Which descriptors are the library's own, those of the waiting rooms. To the
 * program they are numbers that are not open: it must not close them. It may
 * all the same, by raw system calls: what depends on a mark looks whether it
 * holds.
 */
#ifndef PP_PRELOAD_SERVER_DESCRIPTORS_H
#define PP_PRELOAD_SERVER_DESCRIPTORS_H

#include <stdbool.h>

/* Marks a descriptor as the library's own, or as that no longer. */
void pp_own_mark(int fd, bool own);

/*
 * Is it one of a room of this process? Such a number is not open, to the
 * program. Costs a load or two, usually. Keeps errno.
 */
bool pp_own_is(int fd);

/*
 * The program takes a number of its choice for a descriptor of its own. A room
 * that has it is closed, with those who wait in it. Keeps errno.
 */
void pp_own_give_way(int fd);

/*
 * Notes that the program closed these, or replaced them by others. A room
 * whose listener is not there any more goes with it. Keeps errno.
 */
void pp_own_note_closed(unsigned first, unsigned last);

/*
 * Forgets a room that the program has closed without our knowledge. Was there
 * one? Keeps errno.
 */
bool pp_own_forget_lost(void);

/* close_range(2) and closefrom(3) of what is the program's. Keep errno. */
int pp_own_close_range(unsigned first, unsigned last, int flags);
void pp_own_close_from(int first);

#endif
