/* SPDX-License-Identifier: ISC */
/*
 * fork(2), as the library needs it: locks are not copied held, and a child
 * knows that it is one.
 */
#ifndef PP_FORK_H
#define PP_FORK_H

/*
 * Registers the handlers: in the library's constructor, before the program can
 * register its own. Those are called before ours then, with no lock of ours
 * held, and may wait for threads that wait for one.
 */
void pp_fork_prepare(void);

#endif
