/* SPDX-License-Identifier: ISC */
/* Writes what is shown; see show.h. */
#include <config.h>

#include "command/json.h"
#include "command/show.h"
#include "command/text.h"

#include <netinet/tcp.h>
#include <stdio.h>

/* So many processes of a socket are named for people. */
#define NAMED_MAX 3

/* Wide enough for IPv4; the longer ones shift what follows. */
#define ADDRESS_WIDTH 21

static const char *get_state(const struct pp_shown *shown)
{
	static const char *const names[] = {
		[TCP_ESTABLISHED] = "established", [TCP_SYN_SENT] = "syn-sent",
		[TCP_SYN_RECV] = "syn-recv",	   [TCP_FIN_WAIT1] = "fin-wait-1",
		[TCP_FIN_WAIT2] = "fin-wait-2",	   [TCP_TIME_WAIT] = "time-wait",
		[TCP_CLOSE] = "closed",		   [TCP_CLOSE_WAIT] = "close-wait",
		[TCP_LAST_ACK] = "last-ack",	   [TCP_LISTEN] = "listen",
		[TCP_CLOSING] = "closing",
	};
	const size_t count = sizeof(names) / sizeof(*names);

	if (shown->behind == PP_BEHIND_RESET)
		return "reset";
	if (shown->is_udp)
		return "bound";
	if (shown->state <= 0 || (size_t)shown->state >= count)
		return "unknown";
	return names[shown->state];
}

/* An address, or NULL where there is none. */
static const char *get_address(const union pp_address *address,
			       char text[PP_ADDRESS_TEXT])
{
	union pp_address unmapped = *address;

	if (!pp_family_is_internet(address->sa.sa_family))
		return NULL;
	pp_address_unmap(&unmapped);
	return pp_address_text(&unmapped, text, PP_ADDRESS_TEXT);
}

/* The texts of a socket; NULL of what it has not, or what is not known. */
struct texts {
	char room[3][PP_ADDRESS_TEXT];
	const char *client, *proxy, *destination;
};

static void get_texts(const struct pp_shown *shown, struct texts *texts)
{
	bool is_listener = shown->state == TCP_LISTEN;

	texts->client = texts->proxy = NULL;
	texts->destination = get_address(
		is_listener ? &shown->local : &shown->destination,
		texts->room[0]);
	if (!is_listener)
		texts->client = get_address(&shown->client, texts->room[1]);
	if (shown->behind == PP_BEHIND_CLIENT)
		texts->proxy = get_address(&shown->peer, texts->room[2]);
	/* it is the proxy's, or somebody's, who was not served */
	if (shown->behind == PP_BEHIND_RESET) {
		texts->proxy = get_address(&shown->peer, texts->room[2]);
		texts->client = NULL;
	} else if (!is_listener && shown->behind == PP_BEHIND_HIDDEN) {
		texts->client = NULL;
		texts->destination = NULL;
	}
}

static void print_processes(const struct pp_show *show,
			    const struct pp_shown *shown)
{
	for (size_t i = 0; i < shown->holder_count && i < NAMED_MAX; i++) {
		const struct pp_shown_process *process =
			&show->processes[shown->holders[i]];

		printf(" ");
		pp_text_print(process->name);
		printf("[%d]", (int)process->pid);
	}
	if (shown->holder_count > NAMED_MAX)
		printf(" and %zu more", shown->holder_count - NAMED_MAX);
	putchar('\n');
}

static void print_columns(const char *state, const char *client,
			  const char *proxy, const char *destination)
{
	printf("%-11s %-*s %-*s %-*s", state, ADDRESS_WIDTH, client,
	       ADDRESS_WIDTH, proxy, ADDRESS_WIDTH, destination);
}

void pp_show_print_head(const struct pp_show *show)
{
	(void)show;
	print_columns("STATE", "CLIENT", "PROXY", "DESTINATION");
	puts(" PROCESSES");
}

void pp_show_print(const struct pp_show *show, const struct pp_shown *shown)
{
	bool is_listener = shown->state == TCP_LISTEN;
	bool is_hidden = shown->behind == PP_BEHIND_HIDDEN && !is_listener;
	const char *none = is_listener ? "-" : "?";
	struct texts texts;

	get_texts(shown, &texts);
	if (is_hidden)
		texts.proxy = "?";
	print_columns(get_state(shown), texts.client ? texts.client : none,
		      texts.proxy ? texts.proxy : "-",
		      texts.destination ? texts.destination : "?");
	print_processes(show, shown);
}

static const char *get_header(const struct pp_shown *shown)
{
	static const char *const names[] = {
		[PP_NOTE_NO_HEADER] = "none", [PP_NOTE_V1] = "v1",
		[PP_NOTE_V2] = "v2",	      [PP_NOTE_V2_LOCAL] = "v2-local",
		[PP_NOTE_MORE] = "more",
	};

	if (!shown->is_examined || shown->behind == PP_BEHIND_RESET ||
	    shown->header >= sizeof(names) / sizeof(*names))
		return NULL;
	return names[shown->header];
}

static void print_json_processes(const struct pp_show *show,
				 const struct pp_shown *shown)
{
	bool first = true;

	putchar('[');
	for (size_t i = 0; i < shown->holder_count; i++) {
		const struct pp_shown_process *process =
			&show->processes[shown->holders[i]];
		bool first_member = true;

		pp_json_item(&first, NULL);
		putchar('{');
		pp_json_number(&first_member, "pid", process->pid);
		pp_json_member(&first_member, "name", process->name);
		putchar('}');
	}
	putchar(']');
}

void pp_show_print_json(const struct pp_show *show,
			const struct pp_shown *shown, bool follows,
			enum pp_show_event event)
{
	static const char *const events[] = { "there", "new", "gone" };
	char local[PP_ADDRESS_TEXT], peer[PP_ADDRESS_TEXT];
	struct texts texts;
	bool first = true;

	get_texts(shown, &texts);
	putchar('{');
	if (follows)
		pp_json_member(&first, "event", events[event]);
	pp_json_member(&first, "state", get_state(shown));
	pp_json_member(&first, "protocol", shown->is_udp ? "udp" : "tcp");
	pp_json_member(&first, "client", texts.client);
	pp_json_member(&first, "proxy", texts.proxy);
	pp_json_member(&first, "destination", texts.destination);
	pp_json_member(&first, "local", get_address(&shown->local, local));
	pp_json_member(&first, "peer", get_address(&shown->peer, peer));
	pp_json_member(&first, "header", get_header(shown));
	pp_json_boolean(&first, "looked_at",
			shown->behind != PP_BEHIND_HIDDEN);
	pp_json_item(&first, "processes");
	print_json_processes(show, shown);
	putchar('}');
}
