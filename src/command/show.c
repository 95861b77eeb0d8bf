/* SPDX-License-Identifier: ISC */
/* proxyproto show: who is behind the connections of this machine. */
#include <config.h>

#include "command/show.h"
#include "command/command.h"
#include "command/json.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What is asked. */
struct request {
	pid_t pid;
	unsigned port;
	bool follows, json;
	/* what was told of that already */
	unsigned hidden;
};

/*
 * As they are written: listeners first, then by port, then in the order of
 * their numbers, which is that of their coming.
 */
static int compare_sockets(const void *a, const void *b)
{
	const struct pp_shown *first = a, *second = b;
	int order = (second->state == TCP_LISTEN) -
		    (first->state == TCP_LISTEN);

	if (order == 0)
		order = ntohs(pp_address_port(&first->local)) -
			ntohs(pp_address_port(&second->local));
	if (order == 0)
		order = (first->number > second->number) -
			(first->number < second->number);
	return order;
}

/* The same connection, of the same client as far as is known? */
static bool is_same(const struct pp_shown *a, const struct pp_shown *b)
{
	return a->number == b->number && a->cookie == b->cookie &&
	       a->behind == b->behind &&
	       (a->behind != PP_BEHIND_CLIENT ||
		pp_address_equal(&a->client, &b->client));
}

static bool has_socket(const struct pp_show *show, const struct pp_shown *shown)
{
	size_t low = 0, high = show->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_sockets(&show->sockets[middle], shown);

		if (order == 0)
			return is_same(&show->sockets[middle], shown);
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static void print_socket(const struct request *request,
			 const struct pp_show *show,
			 const struct pp_shown *shown, enum pp_show_event event)
{
	static const char marks[] = "=+-";

	if (request->json) {
		pp_show_print_json(show, shown, request->follows, event);
	} else {
		if (request->follows)
			printf("%c ", marks[event]);
		pp_show_print(show, shown);
	}
	if (request->json && request->follows)
		putchar('\n');
}

/* Those of one time that another does not have. */
static void print_others(const struct request *request,
			 const struct pp_show *show,
			 const struct pp_show *without,
			 enum pp_show_event event)
{
	for (size_t i = 0; i < show->count; i++)
		if (!has_socket(without, &show->sockets[i]))
			print_socket(request, show, &show->sockets[i], event);
}

/*
 * How many processes that may not be looked at matter: with a port none, where
 * all that it has was found with others.
 */
static unsigned count_hidden(const struct request *request,
			     const struct pp_show *show)
{
	if (request->port == 0 || show->count == 0)
		return show->hidden;
	for (size_t i = 0; i < show->count; i++)
		if (show->sockets[i].holder_count == 0 ||
		    show->sockets[i].behind == PP_BEHIND_HIDDEN)
			return show->hidden;
	return 0;
}

static void tell_hidden(struct request *request, const struct pp_show *show)
{
	unsigned hidden = count_hidden(request, show);

	if (hidden > request->hidden)
		fprintf(stderr, "proxyproto: show: %u process%s could not be "
			"looked at: it takes root, or their user, who may "
			"trace them\n", hidden, hidden == 1 ? "" : "es");
	request->hidden = hidden;
}

static bool gather(const struct request *request, struct pp_show *show)
{
	bool good = pp_show_gather(show, request->pid, request->port);

	if (show->count > 0)
		qsort(show->sockets, show->count, sizeof(*show->sockets),
		      compare_sockets);
	if (!good)
		pp_complain(&pp_show_command, "no memory");
	return good;
}

static void print_all(struct request *request, const struct pp_show *show)
{
	bool first = true;

	if (request->json && !request->follows)
		fputs("{\"schema\": 1, \"sockets\": [", stdout);
	else if (!request->json) {
		fputs(request->follows ? "  " : "", stdout);
		pp_show_print_head(show);
	}
	for (size_t i = 0; i < show->count; i++) {
		if (request->json && !request->follows)
			pp_json_item(&first, NULL);
		print_socket(request, show, &show->sockets[i], PP_SHOW_THERE);
	}
	if (request->json && !request->follows)
		printf("], \"hidden\": %u}\n", show->hidden);
	else
		tell_hidden(request, show);
}

/* Goes on until nobody reads it, or a signal ends it. */
static int follow(struct request *request, struct pp_show *before)
{
	const struct timespec interval = { .tv_sec = 1 };
	struct pp_show now;

	while (fflush(stdout) == 0) {
		nanosleep(&interval, NULL);
		if (!gather(request, &now)) {
			pp_show_free(&now);
			return PP_EXIT_OWN;
		}
		print_others(request, before, &now, PP_SHOW_GONE);
		print_others(request, &now, before, PP_SHOW_NEW);
		tell_hidden(request, &now);
		pp_show_free(before);
		*before = now;
	}
	return 0;
}

static const struct pp_option show_options[] = {
	{ "pid", 'p', "PID", "only those of this process" },
	{ "port", 'l', "PORT", "only those with this local port" },
	{ "follow", 'f', NULL,
	  "go on, and tell each second which are new and which\nhave gone" },
	{ "json", 0, NULL, "for programs; proxyproto(1) says what it is" },
	{ .name = NULL },
};

/* Takes the value of an option; false where it is bad. */
static bool take_option(struct request *request, const struct pp_given *given)
{
	const struct pp_option *option = given->option;
	unsigned number = 1;
	bool is_good = true;

	if (option->argument != NULL)
		is_good = pp_number(given->value, strlen(given->value),
				    option->letter == 'l' ? 65535 : 4194304,
				    &number) && number > 0;
	if (option->letter == 'p')
		request->pid = (pid_t)number;
	else if (option->letter == 'l')
		request->port = number;
	else if (option->letter == 'f')
		request->follows = true;
	else
		request->json = true;
	if (!is_good)
		pp_complain(&pp_show_command,
			    "--%s=\"%s\" is not valid: it takes a number",
			    option->name, given->value);
	return is_good;
}

static int run_show(int argc, char *argv[])
{
	static struct pp_process process;
	struct request request = { .pid = 0 };
	struct pp_given given;
	struct pp_show show;
	int status = PP_EXIT_OWN;

	while (pp_next_option(&pp_show_command, argc, argv, &given))
		if (!take_option(&request, &given))
			return PP_EXIT_OWN;
	if (argv[optind] != NULL)
		return pp_complain(&pp_show_command,
				   "\"%s\": it takes options only; proxyproto "
				   "show --help has them", argv[optind]);
	if (request.pid != 0 && !pp_process_read(request.pid, &process))
		return pp_complain(&pp_show_command, "%d: no such process",
				   (int)request.pid);
	if (gather(&request, &show)) {
		print_all(&request, &show);
		status = request.follows ? follow(&request, &show) : 0;
	}
	pp_show_free(&show);
	return status;
}

const struct pp_subcommand pp_show_command = {
	.name = "show",
	.summary = "list connections, and who is behind them",
	.usage = "[-p PID] [-l PORT] [-f] [--json]",
	.help = "Lists the listeners of this machine's processes and the "
		"connections that were\naccepted from them: client, proxy, "
		"destination, state and process.\n",
	.examples = "  proxyproto show\n"
		    "  proxyproto show -l 80 -f\n"
		    "  proxyproto show --json | jq -r "
		    "'.sockets[].client // empty'\n",
	.options = show_options,
	.function = run_show,
};
