/* SPDX-License-Identifier: ISC */
/* What /proc tells of descriptors and sockets; see processes.h. */
#include <config.h>

#include "command/processes.h"

#include "supervisor/proc_files.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool pp_process_descriptors(pid_t pid, pp_descriptor_function *function,
			    void *context)
{
	char path[64], link[256];
	struct dirent *entry;
	bool go_on = true;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	if (folder == NULL)
		return false;
	while (go_on && (entry = readdir(folder)) != NULL) {
		ssize_t length = readlinkat(dirfd(folder), entry->d_name, link,
					    sizeof(link) - 1);

		if (length < 0)
			continue; /* "." or closed meanwhile */
		link[length] = '\0';
		go_on = function((int)strtol(entry->d_name, NULL, 10), link,
				 context);
	}
	closedir(folder);
	return true;
}

uint64_t pp_socket_number(const char *link)
{
	static const char start[] = "socket:[";

	if (strncmp(link, start, sizeof(start) - 1) != 0)
		return 0;
	return strtoull(link + sizeof(start) - 1, NULL, 10);
}

/* "0100007F:1F90": words in the machine's order, as they lie in memory. */
static void parse_address(const char *text, union pp_address *address)
{
	const char *colon = strchr(text, ':');
	size_t words = colon == NULL ? 0 : (size_t)(colon - text) / 8;
	uint32_t bytes[4] = { 0 };
	in_port_t port;

	memset(address, 0, sizeof(*address));
	if (words != 1 && words != 4)
		return;
	for (size_t i = 0; i < words; i++) {
		char word[9];

		snprintf(word, sizeof(word), "%.8s", text + 8 * i);
		bytes[i] = (uint32_t)strtoul(word, NULL, 16);
	}
	port = htons((uint16_t)strtoul(colon + 1, NULL, 16));
	if (words == 1) {
		address->in.sin_family = AF_INET;
		address->in.sin_port = port;
		memcpy(&address->in.sin_addr, bytes, 4);
	} else {
		address->in6.sin6_family = AF_INET6;
		address->in6.sin6_port = port;
		memcpy(&address->in6.sin6_addr, bytes, 16);
	}
}

static bool parse_row(const char *line, struct pp_row *row)
{
	char local[48], peer[48];
	unsigned state;
	unsigned long long number;

	if (sscanf(line, " %*d: %47s %47s %x %*s %*s %*s %*u %*d %llu", local,
		   peer, &state, &number) != 4)
		return false;
	parse_address(local, &row->local);
	parse_address(peer, &row->peer);
	row->state = (int)state;
	row->number = number;
	return true;
}

/* Ports: a bit each. */
static void add_port(struct pp_rows *rows, const struct pp_row *row)
{
	unsigned port = ntohs(pp_address_port(&row->local));

	if (row->state == TCP_LISTEN)
		rows->listening[port / 8] |= (uint8_t)(1u << port % 8);
}

bool pp_row_is_open(const struct pp_row *row)
{
	if (row->is_udp)
		return row->state == TCP_CLOSE &&
		       pp_address_port(&row->local) != 0;
	return row->state == TCP_LISTEN;
}

bool pp_rows_listen(const struct pp_rows *rows, unsigned port)
{
	return (rows->listening[port / 8] >> port % 8 & 1) != 0;
}

static bool add_table(struct pp_rows *rows, size_t *size, char *text,
		      bool is_udp)
{
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (rows->count == *size) {
			size_t larger = *size == 0 ? 256 : 2 * *size;
			struct pp_row *moved =
				realloc(rows->rows, larger * sizeof(*moved));

			if (moved == NULL)
				return false;
			rows->rows = moved;
			*size = larger;
		}
		if (!parse_row(line, &rows->rows[rows->count]))
			continue;
		rows->rows[rows->count].is_udp = is_udp;
		add_port(rows, &rows->rows[rows->count]);
		rows->count++;
	}
	return true;
}

static int compare_rows(const void *a, const void *b)
{
	const struct pp_row *first = a, *second = b;

	return (first->number > second->number) -
	       (first->number < second->number);
}

static bool read_rows(pid_t pid, struct pp_rows *rows)
{
	/* the kernel leaves some of UDP out where others close meanwhile */
	static const char *const names[] = { "net/tcp", "net/tcp6", "net/udp",
					     "net/udp6", "net/udp", "net/udp6" };
	size_t size = 0;
	bool any = false;

	memset(rows, 0, sizeof(*rows));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t length;
		char *text = pp_process_file(pid, names[i], &length);
		bool added = text != NULL &&
			     add_table(rows, &size, text, i >= 2);

		any |= added;
		free(text);
	}
	if (rows->count > 0)
		qsort(rows->rows, rows->count, sizeof(*rows->rows),
		      compare_rows);
	return any;
}

#define NAMESPACES_MAX 256

static struct {
	ino_t number;
	struct pp_rows rows;
} known[NAMESPACES_MAX];
static size_t known_count;

void pp_rows_forget(void)
{
	while (known_count > 0)
		free(known[--known_count].rows.rows);
}

const struct pp_rows *pp_rows_of(pid_t pid)
{
	char path[64];
	struct stat status;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (stat(path, &status) != 0)
		return NULL;
	for (size_t i = 0; i < known_count; i++)
		if (known[i].number == status.st_ino)
			return &known[i].rows;
	if (known_count == NAMESPACES_MAX ||
	    !read_rows(pid, &known[known_count].rows))
		return NULL;
	known[known_count].number = status.st_ino;
	return &known[known_count++].rows;
}

const struct pp_row *pp_rows_find(const struct pp_rows *rows, uint64_t number)
{
	const struct pp_row sought = { .number = number };

	if (rows->count == 0 || number == 0)
		return NULL;
	return bsearch(&sought, rows->rows, rows->count, sizeof(*rows->rows),
		       compare_rows);
}
