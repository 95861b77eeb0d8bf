/* SPDX-License-Identifier: ISC */
/*
 * What becomes of a new connection: by the settings, its peer, its local port
 * and its first bytes, of which a header is taken off on the way (receive.h). It
 * is the same for whoever accepted it, in this process or for another one:
 * nothing is kept here.
 */
#ifndef PP_CONNECTION_ADMISSION_H
#define PP_CONNECTION_ADMISSION_H

#include "connection/receive.h"
#include "settings/settings.h"

enum pp_admission {
	PP_ADMIT_OTHER_PORT, /* hand over: not one of PORTS */
	PP_ADMIT_BARE,	     /* hand over untouched: see the reason */
	PP_ADMIT_HEADER,     /* hand over: its header was taken off */
	PP_ADMIT_REFUSED,    /* not to be seen by a program: see the reason */
	PP_ADMIT_WAIT,	     /* its header is not whole */
};

/* A reason is a constant text, for the log. */
struct pp_decision {
	enum pp_admission admission;
	const char *reason;
};

/* Does the library apply to this socket's local port? May change errno. */
bool pp_admission_has_port(const struct pp_settings *settings, int fd);

/*
 * Judges an accepted connection from this peer, as the kernel named it: TCP, or
 * of a Unix stream socket, to which TRUSTED and PORTS have nothing to say.
 * Starts on *receive, to which pp_receive_free is due, if it is not passed on
 * to wait; peeked is room to look at it, of PP_RECEIVE_PEEK bytes, and has the
 * header's bytes as pp_receive_bytes finds them. Who is not in TRUSTED costs no
 * system call, but one where PORTS is set and must be asked; a header costs two
 * recv(2). May change errno.
 */
struct pp_decision pp_admission_judge(const struct pp_settings *settings,
				      const union pp_address *peer, int fd,
				      struct pp_receive *receive,
				      uint8_t *peeked);

/*
 * The same for one that had to wait, from what pp_receive_try has said of it
 * since. With PP_RECEIVED_MORE it still has to.
 */
struct pp_decision
pp_admission_judge_received(const struct pp_settings *settings,
			    const struct pp_receive *receive,
			    enum pp_received received);

/* Are all clients expected to speak first? */
static inline bool pp_admission_is_deferred(const struct pp_settings *settings)
{
	return settings->must_use || settings->trusted.at == NULL;
}

/*
 * Lets the kernel keep a silent client to itself for a second. Only where all
 * speak first, and where the program has not decided.
 */
void pp_admission_defer_accept(const struct pp_settings *settings, int fd);

#endif
