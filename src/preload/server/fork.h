/* SPDX-License-Identifier: ISC */
/*
 * A child of fork(2), as the library needs it: what its parent's threads were
 * in the middle of is given up there, and it knows that it is a child. fork
 * itself waits for nothing of ours: handlers of the program that are called
 * meanwhile may wait for threads that are in our functions.
 */
#ifndef PP_PRELOAD_SERVER_FORK_H
#define PP_PRELOAD_SERVER_FORK_H

/* To be called before there is anything that a child must know of. */
void pp_fork_prepare(void);

#endif
