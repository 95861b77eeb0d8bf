/* SPDX-License-Identifier: ISC */
/* proxyproto show: sockets of all processes, and who is behind them. */
#ifndef PP_COMMAND_SHOW_H
#define PP_COMMAND_SHOW_H

#include "command/processes.h"
#include "connection/note.h"

/* What is known of who is behind a connection. */
enum pp_behind {
	PP_BEHIND_HIDDEN,	/* the note may not be read */
	PP_BEHIND_PEER,		/* none but the peer that the kernel names */
	PP_BEHIND_CLIENT,	/* a header told */
	PP_BEHIND_RESET,	/* it was refused, or stands for a late one */
};

struct pp_shown_process {
	pid_t pid;
	char name[64];
};

struct pp_shown {
	uint64_t number;	/* of the socket; no other one has it now */
	uint64_t cookie;	/* none ever has; 0 where it is hidden */
	bool is_udp;		/* bound, not connected; as a listener */
	int state;		/* as tcp(7) has it; of UDP TCP_LISTEN */
	enum pp_behind behind;
	bool is_examined;	/* the first bytes were looked at */
	enum pp_note_header header;
	union pp_address local, peer;		/* the kernel's */
	union pp_address client, destination;	/* AF_UNSPEC: not known */
	size_t *holders;	/* processes: places in the list of them */
	size_t holder_count;
};

/* All that is shown at one time. */
struct pp_show {
	struct pp_shown *sockets;
	size_t count, room;
	size_t *places;		/* of the sockets, by number; 1 and up */
	size_t place_count;
	struct pp_shown_process *processes;
	size_t process_count, process_room;
	unsigned hidden;	/* processes that may not be looked at */
};

/*
 * Gathers listeners, and connections that were accepted from one: those of one
 * process where pid is not 0, and with one local port where port is not. False
 * without memory. To be given to pp_show_free in any case.
 */
bool pp_show_gather(struct pp_show *show, pid_t pid, unsigned port);
void pp_show_free(struct pp_show *show);

/* How they stand to those before. */
enum pp_show_event {
	PP_SHOW_THERE,
	PP_SHOW_NEW,
	PP_SHOW_GONE,
};

/* The head of the table, and one line of it. */
void pp_show_print_head(const struct pp_show *show);
void pp_show_print(const struct pp_show *show, const struct pp_shown *shown);

/* The same as an object of JSON; with an event where follows. */
void pp_show_print_json(const struct pp_show *show,
			const struct pp_shown *shown, bool follows,
			enum pp_show_event event);

#endif
