/* SPDX-License-Identifier: ISC */
/* Gathers what is shown; see show.h. */
#include <config.h>

#include "command/show.h"

#include "connection/socket_kind.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What goes through the descriptors of a process. */
struct gathering {
	struct pp_show *show;
	const struct pp_process *process;
	const struct pp_rows *rows;
	unsigned port;
	int pidfd;
	size_t holder;		/* the process's place; added with its first */
	bool is_added, is_hidden, has_memory;
	bool has_secret;	/* notes are keyed there */
	uint64_t secret[2];
};

/* Room for one more of size bytes; false without memory. */
static bool make_room(void **at, size_t count, size_t *room, size_t size)
{
	void *larger;

	if (count < *room)
		return true;
	larger = realloc(*at, 2 * (count + 32) * size);
	if (larger == NULL)
		return false;
	*at = larger;
	*room = 2 * (count + 32);
	return true;
}

static size_t hash_number(uint64_t number, size_t count)
{
	return (size_t)(number * 0x9e3779b97f4a7c15u >> 20) & (count - 1);
}

/* Where a number's place is, or is to be. */
static size_t *find_place(struct pp_show *show, uint64_t number)
{
	size_t at = hash_number(number, show->place_count);

	while (show->places[at] != 0 &&
	       show->sockets[show->places[at] - 1].number != number)
		at = (at + 1) & (show->place_count - 1);
	return &show->places[at];
}

static bool grow_places(struct pp_show *show)
{
	size_t *larger;

	if (2 * (show->count + 1) <= show->place_count)
		return true;
	show->place_count = show->place_count == 0 ? 1024
						   : 4 * show->place_count;
	larger = calloc(show->place_count, sizeof(*larger));
	if (larger == NULL)
		return false;
	free(show->places);
	show->places = larger;
	for (size_t i = 0; i < show->count; i++)
		*find_place(show, show->sockets[i].number) = i + 1;
	return true;
}

static struct pp_shown *add_socket(struct pp_show *show,
				   const struct pp_shown *socket)
{
	void *sockets = show->sockets;
	bool has_room = grow_places(show) &&
			make_room(&sockets, show->count, &show->room,
				  sizeof(*show->sockets));

	show->sockets = sockets;
	if (!has_room)
		return NULL;
	show->sockets[show->count] = *socket;
	*find_place(show, socket->number) = show->count + 1;
	return &show->sockets[show->count++];
}

static struct pp_shown *find_socket(struct pp_show *show, uint64_t number)
{
	size_t *place = show->place_count == 0 ? NULL
					       : find_place(show, number);

	return place == NULL || *place == 0 ? NULL
					    : &show->sockets[*place - 1];
}

static bool add_process(struct gathering *gathering)
{
	struct pp_show *show = gathering->show;
	void *processes = show->processes;
	bool has_room = make_room(&processes, show->process_count,
				  &show->process_room,
				  sizeof(*show->processes));
	struct pp_shown_process *process;

	show->processes = processes;
	if (!has_room)
		return false;
	process = &show->processes[show->process_count];
	process->pid = gathering->process->pid;
	snprintf(process->name, sizeof(process->name), "%s",
		 gathering->process->name);
	gathering->holder = show->process_count++;
	gathering->is_added = true;
	return true;
}

/* The process has it, by one descriptor or several. */
static bool add_holder(struct gathering *gathering, struct pp_shown *shown)
{
	size_t count = shown->holder_count;
	size_t *larger;

	if (!gathering->is_added && !add_process(gathering))
		return false;
	if (count > 0 && shown->holders[count - 1] == gathering->holder)
		return true;
	/* from 1 on, by powers of two */
	if ((count & (count - 1)) == 0) {
		larger = realloc(shown->holders,
				 (count == 0 ? 1 : 2 * count) *
					 sizeof(*larger));
		if (larger == NULL)
			return false;
		shown->holders = larger;
	}
	shown->holders[shown->holder_count++] = gathering->holder;
	return true;
}

static void ask_address(int fd,
			int (*function)(int, struct sockaddr *restrict,
					socklen_t *restrict),
			union pp_address *address)
{
	union pp_address asked;
	socklen_t length = sizeof(asked);

	memset(address, 0, sizeof(*address));
	if (function(fd, &asked.sa, &length) == 0)
		pp_address_from_kernel(address, &asked.sa, length);
}

/* Reads the note, keyed as it is in that process. */
static bool read_note(const struct gathering *gathering, int fd,
		      const union pp_address *peer, struct pp_note *note)
{
	const uint64_t *secret =
		gathering->has_secret ? gathering->secret : NULL;
	struct pp_note_bytes bytes;

	return pp_note_fetch(fd, &bytes) &&
	       ((pp_family_is_internet(peer->sa.sa_family) &&
		 pp_note_parse_of(&bytes, peer, secret, note)) ||
		pp_note_parse_of(&bytes, NULL, secret, note));
}

/* Who is behind it, now that it is ours, too. */
static void look_at_note(const struct gathering *gathering, int fd,
			 struct pp_shown *shown)
{
	struct pp_note note;

	shown->behind = PP_BEHIND_PEER;
	shown->client = shown->peer;
	shown->destination = shown->local;
	if (!read_note(gathering, fd, &shown->peer, &note))
		return;
	shown->is_examined = true;
	shown->header = note.header;
	if (note.kind == PP_NOTE_CLIENT) {
		shown->behind = PP_BEHIND_CLIENT;
		shown->client = note.source;
		shown->destination = note.destination;
	} else if (note.kind == PP_NOTE_RESET) {
		shown->behind = PP_BEHIND_RESET;
		shown->peer = shown->client = note.source;
	}
}

static bool is_tcp(int fd)
{
	return pp_is_tcp_socket(fd) && pp_is_internet_socket(fd);
}

static bool is_udp(int fd)
{
	return pp_socket_option(fd, SO_PROTOCOL) == IPPROTO_UDP &&
	       pp_is_internet_socket(fd);
}

/*
 * One that takes anybody's datagrams. False where it is bound to no port, or
 * connected.
 */
static bool look_at_udp(int fd, struct pp_shown *shown)
{
	ask_address(fd, getsockname, &shown->local);
	ask_address(fd, getpeername, &shown->peer);
	shown->is_udp = true;
	shown->state = TCP_LISTEN;
	shown->behind = PP_BEHIND_PEER;
	return pp_address_port(&shown->local) != 0 &&
	       !pp_family_is_internet(shown->peer.sa.sa_family);
}

/*
 * What the kernel says of a socket, and the note. False where it is of neither
 * kind.
 */
static bool look_at_socket(const struct gathering *gathering, int fd,
			   struct pp_shown *shown)
{
	socklen_t length = sizeof(shown->cookie);
	unsigned char state = 0;
	struct stat status;

	/* the number may have another socket since */
	if (fstat(fd, &status) != 0 || status.st_ino != shown->number)
		return false;
	if (is_udp(fd))
		return look_at_udp(fd, shown);
	if (!is_tcp(fd))
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &shown->cookie, &length) != 0)
		shown->cookie = 0;
	length = sizeof(state);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length) == 0)
		shown->state = state;
	ask_address(fd, getsockname, &shown->local);
	ask_address(fd, getpeername, &shown->peer);
	look_at_note(gathering, fd, shown);
	return true;
}

/* Was it accepted from a listener of its network namespace? Or is it one? */
static bool is_of_listener(const struct gathering *gathering,
			   const struct pp_shown *shown)
{
	unsigned port = ntohs(pp_address_port(&shown->local));

	if (gathering->port != 0 && gathering->port != port)
		return false;
	return shown->state == TCP_LISTEN || shown->is_examined ||
	       (shown->behind != PP_BEHIND_PEER &&
		shown->behind != PP_BEHIND_HIDDEN) ||
	       (gathering->rows != NULL &&
		pp_rows_listen(gathering->rows, port));
}

/* Of one that may not be fetched, what the kernel's table has. */
static bool look_at_row(const struct gathering *gathering,
			struct pp_shown *shown)
{
	const struct pp_row *row =
		gathering->rows == NULL
			? NULL : pp_rows_find(gathering->rows, shown->number);

	if (row == NULL || (row->is_udp && !pp_row_is_open(row)))
		return false;
	shown->is_udp = row->is_udp;
	shown->state = row->is_udp ? TCP_LISTEN : row->state;
	shown->local = row->local;
	shown->peer = row->peer;
	shown->behind = PP_BEHIND_HIDDEN;
	return true;
}

static bool look(const struct gathering *gathering, int number,
		 struct pp_shown *shown)
{
	int fd = gathering->pidfd < 0 ? -1
				      : (int)syscall(SYS_pidfd_getfd,
						     gathering->pidfd, number,
						     0);
	bool looked;

	if (fd < 0)
		return look_at_row(gathering, shown);
	looked = look_at_socket(gathering, fd, shown);
	close(fd);
	return looked;
}

static bool add_descriptor(int fd, const char *link, void *context)
{
	struct gathering *gathering = context;
	struct pp_shown now = { .number = pp_socket_number(link) };
	struct pp_shown *shown;

	if (now.number == 0)
		return true;
	shown = find_socket(gathering->show, now.number);
	/* somebody else's may have been hidden */
	if (shown == NULL || shown->behind == PP_BEHIND_HIDDEN) {
		if (!look(gathering, fd, &now) ||
		    !pp_family_is_internet(now.local.sa.sa_family) ||
		    !is_of_listener(gathering, &now))
			return true;
		gathering->is_hidden |= now.behind == PP_BEHIND_HIDDEN &&
					now.state != TCP_LISTEN;
		if (shown != NULL) {
			now.holders = shown->holders;
			now.holder_count = shown->holder_count;
			*shown = now;
		} else {
			shown = add_socket(gathering->show, &now);
		}
	}
	gathering->has_memory = shown != NULL &&
				add_holder(gathering, shown);
	return gathering->has_memory;
}

/*
 * In a process with AT_SECURE that has the library, notes are keyed by a secret
 * of its own: no other note counts there.
 */
static void find_secret(struct gathering *gathering)
{
	static struct pp_mapped libraries[4];
	const struct pp_process *process = gathering->process;
	int count = 0;

	if (process->is_secure)
		count = pp_process_libraries(process->pid, libraries, 4);
	for (int i = 0; i < count; i++)
		gathering->has_secret |=
			libraries[i].library == PP_LIBRARY_SERVER;
	if (gathering->has_secret &&
	    !pp_process_secret(process, gathering->secret))
		memset(gathering->secret, 0, sizeof(gathering->secret));
}

static bool gather_process(struct pp_show *show, pid_t pid, unsigned port)
{
	static struct pp_process process;
	struct gathering gathering = { .show = show,
				       .process = &process,
				       .port = port,
				       .has_memory = true };

	if (!pp_process_read(pid, &process) || process.is_kernel)
		return true;
	gathering.rows = pp_rows_of(pid);
	gathering.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	find_secret(&gathering);
	if (!pp_process_descriptors(pid, add_descriptor, &gathering))
		gathering.is_hidden = errno == EACCES || errno == EPERM;
	show->hidden += gathering.is_hidden;
	if (gathering.pidfd >= 0)
		close(gathering.pidfd);
	return gathering.has_memory;
}

bool pp_show_gather(struct pp_show *show, pid_t pid, unsigned port)
{
	pid_t *pids = pid == 0 ? pp_processes() : NULL;
	bool good = pid != 0 || pids != NULL;

	*show = (struct pp_show){ .hidden = 0 };
	pp_rows_forget();
	if (pid != 0)
		good = gather_process(show, pid, port);
	for (size_t i = 0; good && pids != NULL && pids[i] != 0; i++)
		good = pids[i] == getpid() ||
		       gather_process(show, pids[i], port);
	free(pids);
	return good;
}

void pp_show_free(struct pp_show *show)
{
	for (size_t i = 0; i < show->count; i++)
		free(show->sockets[i].holders);
	free(show->sockets);
	free(show->places);
	free(show->processes);
}
