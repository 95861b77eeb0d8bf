/* SPDX-License-Identifier: ISC */
/*
 * The descriptors of the library, those of the waiting rooms: where they are,
 * and which. To the program their numbers are not open, and none of them is
 * one that it would have got. It may close or replace them all the same, by
 * raw system calls or dup2: what depends on a mark looks whether it holds.
 */
#ifndef PP_PRELOAD_SERVER_DESCRIPTORS_H
#define PP_PRELOAD_SERVER_DESCRIPTORS_H

#include <stdbool.h>

/*
 * A duplicate of fd, close-on-exec, that is the library's: from 1024 on, where
 * select(2) ends, or with a limit (RLIMIT_NOFILE) up to that in the last
 * quarter; the lowest that is free there, as the kernel's table of a process
 * grows with the highest number. -1 with EMFILE where there is none, or the
 * library has a quarter of what the process may open, or with ENOMEM. Locked.
 */
int pp_descriptors_hide(int fd);

/* It is about to be closed, or was the library's and is not any more. Locked. */
void pp_descriptors_forget(int fd);

/*
 * Closes all that are the library's, in a forked child. They are known to be:
 * of those that are not pp_descriptors_forget was told. Locked.
 */
void pp_descriptors_close_all(void);

/*
 * Is it one of a room of this process? Costs a load or two, usually. Keeps
 * errno.
 */
bool pp_descriptors_has(int fd);

/*
 * The program closed these, or replaced them by others. A room whose listener
 * is not there any more goes with it. Keeps errno.
 */
void pp_descriptors_after_close(unsigned first, unsigned last);

/* close_range(2) and closefrom(3) of what is the program's. Keep errno. */
int pp_descriptors_close_range(unsigned first, unsigned last, int flags);
void pp_descriptors_close_from(int first);

#endif
