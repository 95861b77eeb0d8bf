/* SPDX-License-Identifier: ISC */
/*
 * opener COMMAND EXTENSION [ARGUMENT]: opens a library (extension.c) with
 * RTLD_DEEPBIND, and
 *
 *	accept		accepts a connection by it, and tells who it is
 *	connect PORT	connects by it to 127.0.0.1
 *	tell		has it say whose functions it got
 *	handler		the same, opened by a signal handler
 *	open PATH	has it open another one, and says which file that is
 *	flags		says what dlopen makes of other flags, and of mistakes
 */
#define _GNU_SOURCE
#include "extension.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *extension;
static void *handle;

static void fail(const char *what)
{
	printf("%s\n", what);
	exit(1);
}

static void open_extension(int signal)
{
	(void)signal;
	handle = dlopen(extension, RTLD_NOW | RTLD_DEEPBIND);
	if (handle == NULL)
		fail(dlerror());
}

/* In ISO C no pointer to data becomes one to a function. */
static void *find(void *library, const char *name)
{
	void *found = dlsym(library, name);

	if (found == NULL)
		fail(dlerror());
	return found;
}

static int run_accept(void)
{
	int (*accept_by)(int, struct sockaddr_in *);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t length = sizeof(name);
	char ip[INET_ADDRSTRLEN];

	*(void **)&accept_by = find(handle, "extension_accept");
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&name, length) != 0 ||
	    listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&name, &length) != 0)
		fail("no listener");
	printf("port %u\n", ntohs(name.sin_port));
	fflush(stdout);
	fd = accept_by(listener, &name);
	inet_ntop(AF_INET, &name.sin_addr, ip, sizeof(ip));
	return dprintf(fd, "%s %u", ip, ntohs(name.sin_port)) < 0;
}

static int run_connect(const char *port)
{
	int (*connect_by)(int, const struct sockaddr_in *);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in name = { .sin_family = AF_INET };

	*(void **)&connect_by = find(handle, "extension_connect");
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	name.sin_port = htons((in_port_t)atoi(port));
	return connect_by(fd, &name) != 0 || write(fd, "data", 4) != 4;
}

static int run_tell(void)
{
	void (*tell)(void);

	*(void **)&tell = find(handle, "extension_tell");
	tell();
	return 0;
}

static int run_open(const char *path)
{
	void *(*open_by)(const char *, int);
	struct link_map *map;

	*(void **)&open_by = find(handle, "extension_open");
	map = open_by(path, RTLD_NOW | RTLD_DEEPBIND);
	if (map == NULL)
		return 1;
	printf("%s\n", map->l_name);
	return 0;
}

static void *tell_outcome(const char *what, void *opened)
{
	printf("%s: %s\n", what, opened != NULL ? "opened" : dlerror());
	return opened;
}

static void tell_scope(void)
{
	bool is_global = dlsym(RTLD_DEFAULT, "extension_tell") != NULL;

	dlerror();
	printf("%s\n", is_global ? "global" : "local");
}

/* The namespace of a library is that of the one that opens it. */
static void tell_namespaces(void)
{
	void *(*open_by)(const char *, int);
	void *other = tell_outcome("dlmopen", dlmopen(LM_ID_NEWLM, extension,
				   RTLD_NOW | RTLD_DEEPBIND)), *again;
	Lmid_t namespaces[2] = { LM_ID_BASE, LM_ID_BASE };

	if (other == NULL)
		return;
	*(void **)&open_by = find(other, "extension_open");
	again = open_by(extension, RTLD_NOW | RTLD_NOLOAD | RTLD_DEEPBIND);
	dlinfo(other, RTLD_DI_LMID, &namespaces[0]);
	dlinfo(again, RTLD_DI_LMID, &namespaces[1]);
	printf("another namespace: %d, the same: %d\n",
	       namespaces[0] != LM_ID_BASE, namespaces[0] == namespaces[1]);
}

static int run_flags(void)
{
	void *opened;

	tell_outcome("NOLOAD", dlopen(extension, RTLD_NOW | RTLD_NOLOAD));
	tell_outcome("NOLOAD, DEEPBIND",
		     dlopen(extension, RTLD_NOW | RTLD_NOLOAD | RTLD_DEEPBIND));
	tell_outcome("neither LAZY nor NOW", dlopen(extension, RTLD_DEEPBIND));
	tell_outcome("no file", dlopen("/nowhere/nothing.so",
				       RTLD_NOW | RTLD_DEEPBIND));
	opened = tell_outcome("the program", dlopen(NULL, RTLD_NOW |
						    RTLD_DEEPBIND));
	printf("the same: %d\n", opened == dlopen(NULL, RTLD_LAZY));
	opened = tell_outcome("LAZY", dlopen(extension, RTLD_LAZY |
					     RTLD_DEEPBIND));
	tell_scope();
	printf("the same: %d\n", opened == dlopen(extension, RTLD_NOW |
						  RTLD_DEEPBIND |
						  RTLD_NOLOAD |
						  RTLD_NODELETE));
	tell_outcome("GLOBAL", dlopen(extension, RTLD_NOW | RTLD_GLOBAL |
				      RTLD_DEEPBIND));
	tell_scope();
	for (int i = 0; i < 4; i++)
		dlclose(opened);
	tell_outcome("NODELETE, closed",
		     dlopen(extension, RTLD_NOW | RTLD_NOLOAD));
	tell_namespaces();
	return 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 2 ? argv[1] : "";
	const char *argument = argc > 3 ? argv[3] : "";

	if (argc < 3)
		return 2;
	extension = argv[2];
	if (strcmp(command, "flags") == 0)
		return run_flags();
	if (strcmp(command, "handler") == 0) {
		signal(SIGUSR1, open_extension);
		raise(SIGUSR1);
		return run_tell();
	}
	open_extension(0);
	if (strcmp(command, "accept") == 0)
		return run_accept();
	if (strcmp(command, "connect") == 0)
		return run_connect(argument);
	if (strcmp(command, "open") == 0)
		return run_open(argument);
	return run_tell();
}
