/* SPDX-License-Identifier: ISC */
/*
 * How long accept itself waits for a header. A proxy sends it at once, a moment
 * behind the connection; where TCP_DEFER_ACCEPT does not have the kernel wait
 * for it (TRUSTED without MUST_USE: a client that is no proxy may be silent),
 * nearly all connections would go through the waiting room. Some proxies hold
 * it back until the client speaks: there accept does not wait for it.
 *
 * What is known of a listener's headers is one number, 0 at first: of those that
 * were not there at once each that came in time (or would have: by the next
 * accept of a program that did not wait for it) adds one, each that did not
 * takes eight. As long as eight in nine came in time they are waited for.
 */
#ifndef PP_CONNECTION_PATIENCE_H
#define PP_CONNECTION_PATIENCE_H

#include <stdbool.h>

#define PP_PATIENCE 5	/* milliseconds */

/* The number behind one more header. */
static inline int pp_patience_count(int record, bool in_time)
{
	const int most = 16, least = -48;

	record += in_time ? 1 : -8;
	return record > most ? most : record < least ? least : record;
}

/* Has waiting for headers been paying off? */
static inline bool pp_patience_pays(int record)
{
	return record > -16;
}

#endif
