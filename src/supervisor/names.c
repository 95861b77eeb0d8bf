/* SPDX-License-Identifier: ISC */
/* Who is behind a socket, as the program asks for it; see names.h. */
#include <config.h>

#include "supervisor/names.h"

#include "connection/names.h"
#include "connection/socket_kind.h"
#include "supervisor/memory.h"
#include "supervisor/notifications.h"
#include "supervisor/tracee.h"

#include <unistd.h>

/*
 * The settings, where nobody's statement is void by them; and how much room
 * there is for a name.
 */
static const struct pp_settings *usable_settings(struct pp_tracee *process,
						 struct pp_memory_name *to)
{
	const struct pp_rules *rules = pp_tracee_rules(process, to);

	return rules != NULL && rules->error.text[0] == '\0' &&
			       rules->settings.versions != PP_VERSION_NONE
		       ? &rules->settings
		       : NULL;
}

/*
 * The answer to a call about fd; false where the kernel has it. One of another
 * family than the socket's is told only where there is room for it.
 */
static bool find_name(const struct pp_call *call, int fd,
		      const struct pp_settings *settings,
		      const struct pp_memory_name *to, union pp_address *name)
{
	union pp_address kernel;
	struct pp_note note;
	socklen_t room;
	int family;

	if (to->room < 0 || !pp_names_read_note(settings, fd, &kernel, &note))
		return false;
	family = kernel.sa.sa_family != AF_UNSPEC
			 ? kernel.sa.sa_family
			 : pp_socket_option(fd, SO_DOMAIN);
	room = (socklen_t)to->room;
	if (call->name == PP_CALL_GETPEERNAME)
		return pp_names_show_client(settings, &note.source, family,
					    &room, name);
	return pp_names_show_destination(settings, &note, family, &room, name);
}

void pp_get_name(const struct pp_call *call)
{
	struct pp_memory_name to = { .address = call->arguments[1],
				     .length = call->arguments[2] };
	const struct pp_settings *settings;
	struct pp_tracee *process;
	union pp_address name;
	int fd;

	fd = pp_tracee_fetch(call->tid, &process, (int)call->arguments[0]);
	if (fd < 0) {
		pp_answer_continue(call);
		return;
	}
	settings = usable_settings(process, &to);
	/* what was found may be another process's, if the call is over */
	if (to.address != 0 && settings != NULL &&
	    find_name(call, fd, settings, &to, &name) && pp_call_is_valid(call))
		pp_answer(call, pp_memory_write_name(call->tid, &to, &name.sa,
						     pp_address_length(&name)));
	else
		pp_answer_continue(call);
	close(fd);
}
