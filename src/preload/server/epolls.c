/* SPDX-License-Identifier: ISC */
/*
 * The program's epolls; see epolls.h. The kernel lists what is registered with
 * one in /proc/self/fdinfo, see proc_pid_fdinfo(5), a line each:
 *
 *	tfd:       10 events:       19 data:               2a  pos:0 ino:...
 *
 * tfd is the descriptor as it was registered, and may be another file's by now.
 */
#include <config.h>

#include "preload/server/epolls.h"

#include "preload/real.h"
#include "preload/server/registrations.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Descriptors below this are looked at: event loops are made early. */
#define END 1024

/* More than a line of interest has. */
#define LINE 128

/*
 * Is the descriptor an epoll, but that of the room? The room, just opened, is
 * in none: an epoll says so, and another file that it is no epoll.
 */
static bool is_epoll(int fd, int room)
{
	return real_epoll_ctl(fd, EPOLL_CTL_DEL, room, NULL) != 0 &&
	       errno == ENOENT;
}

static unsigned digit(char character)
{
	if (character >= 'a')
		return (unsigned)(character - 'a') + 10;
	return (unsigned)character - '0';
}

/* A number and its name, blanks between; *text then is behind it. */
static bool take_number(const char **text, const char *name, unsigned base,
			uint64_t *number)
{
	const char *at = *text + strlen(name);

	if (strncmp(*text, name, strlen(name)) != 0)
		return false;
	while (*at == ' ')
		at++;
	*text = at;
	for (*number = 0; digit(*at) < base; at++)
		*number = *number * base + digit(*at);
	if (at == *text)
		return false;
	*text = at;
	return true;
}

/* A descriptor, and the file that is on it now. */
struct sought {
	int fd;
	uint64_t inode;
};

/*
 * Is this line about the descriptor? Then *event is as it was registered. An
 * older file of that number stays there as long as it has another descriptor.
 */
static bool parse(const char *line, const struct sought *sought,
		  struct epoll_event *event)
{
	uint64_t tfd, events, data, position, inode;

	if (!take_number(&line, "tfd:", 10, &tfd) ||
	    tfd != (uint64_t)sought->fd ||
	    !take_number(&line, " events:", 16, &events) ||
	    !take_number(&line, " data:", 16, &data))
		return false;
	/* not in every kernel's */
	if (take_number(&line, "  pos:", 10, &position) &&
	    take_number(&line, " ino:", 16, &inode) && inode != sought->inode)
		return false;
	event->events = (uint32_t)events;
	event->data.u64 = data;
	return true;
}

/* A file that is read line by line. */
struct lines {
	int fd;
	size_t at, length;
	char bytes[512];
};

/* By name read(2) would be a cancellation point. */
static bool fill(struct lines *lines)
{
	long got = syscall(SYS_read, lines->fd, lines->bytes,
			   sizeof(lines->bytes));

	lines->at = 0;
	lines->length = got < 0 ? 0 : (size_t)got;
	return got > 0;
}

/* The next line, cut where it is longer than LINE. False at the end. */
static bool next_line(struct lines *lines, char *line)
{
	size_t length = 0;
	char byte;

	do {
		if (lines->at == lines->length && !fill(lines))
			return false;
		byte = lines->bytes[lines->at++];
		if (length < LINE - 1)
			line[length++] = byte;
	} while (byte != '\n');
	line[length] = '\0';
	return true;
}

/* "/proc/self/fdinfo/" and the number, without printf, which may lock. */
static void write_path(char *path, int fd)
{
	static const char folder[] = "/proc/self/fdinfo/";
	char *end = path + sizeof(folder) - 1;
	int rest = fd;

	memcpy(path, folder, sizeof(folder));
	do
		end++;
	while ((rest /= 10) > 0);
	*end = '\0';
	do
		*--end = (char)('0' + fd % 10);
	while ((fd /= 10) > 0);
}

/* Is the descriptor registered with the epoll, and how? */
static bool find(int epoll, const struct sought *sought,
		 struct epoll_event *event)
{
	struct lines lines = { .at = 0 };
	char path[40], line[LINE];
	bool found = false;

	write_path(path, epoll);
	lines.fd = (int)syscall(SYS_openat, AT_FDCWD, path,
				O_RDONLY | O_CLOEXEC);
	if (lines.fd < 0)
		return false;
	while (!found && next_line(&lines, line))
		found = parse(line, sought, event);
	syscall(SYS_close, lines.fd);
	return found;
}

/*
 * A registration for one event may have had it, and will be renewed with
 * nobody telling: the room then is for each time that somebody moves.
 */
static void note_found(struct pp_listener *listener, int epoll,
		       struct epoll_event *event)
{
	if (event->events & EPOLLONESHOT)
		event->events = EPOLLIN | EPOLLET;
	pp_registrations_note(listener->registrations, PP_LISTENER_EPOLLS,
			      epoll, EPOLL_CTL_ADD, event);
}

/*
 * One that blocks is waited for in accept(2). The moment of wait.c does no
 * harm: then it is looked for, and not found.
 */
static bool is_sought(struct pp_listener *listener)
{
	return !atomic_load(&listener->watched) &&
	       !pp_registrations_any(listener) &&
	       (fcntl(listener->fd, F_GETFL, 0) & O_NONBLOCK) != 0;
}

void pp_epolls_look_up(struct pp_listener *listener)
{
	struct sought sought = { .fd = listener->fd };
	struct epoll_event event = { .events = 0 };
	struct stat status;
	int error = errno;

	if (is_sought(listener) && fstat(listener->fd, &status) == 0) {
		sought.inode = status.st_ino;
		for (int fd = 0; fd < END; fd++)
			if (fd != atomic_load(&listener->threads_epoll) - 1 &&
			    is_epoll(fd, listener->room.epoll) &&
			    find(fd, &sought, &event))
				note_found(listener, fd, &event);
		pp_registrations_add_room(listener);
		if (pp_registrations_any(listener))
			pp_listeners_note_watched(listener);
	}
	errno = error;
}
