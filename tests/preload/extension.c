/* SPDX-License-Identifier: ISC */
/*
 * What opener loads: a library that calls the C library, says whose functions
 * it got, and opens others. Its RUNPATH is $ORIGIN. With EXTENSION_OPENS in
 * the environment its constructor opens what that names.
 */
#define _GNU_SOURCE
#include "extension.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int extension_accept(int listener, struct sockaddr_in *client)
{
	socklen_t length = sizeof(*client);

	return accept(listener, (struct sockaddr *)client, &length);
}

int extension_connect(int fd, const struct sockaddr_in *server)
{
	return connect(fd, (const struct sockaddr *)server, sizeof(*server));
}

static void tell_owner(const char *name, void *address)
{
	Dl_info info;

	if (dladdr(address, &info) == 0)
		info.dli_fname = "?";
	printf("%s of %s\n", name, basename(info.dli_fname));
}

void extension_tell(void)
{
	tell_owner("accept", (void *)accept);
	tell_owner("connect", (void *)connect);
	tell_owner("recvfrom", (void *)recvfrom);
	fflush(stdout);
}

void *extension_open(const char *path, int flags)
{
	void *handle = dlopen(path, flags);

	/* a call that is not the last one, which would be a jump, too */
	if (handle == NULL)
		printf("%s\n", dlerror());
	return handle;
}

__attribute__((constructor)) static void open_early(void)
{
	const char *path = getenv("EXTENSION_OPENS");
	void (*tell)(void);
	void *handle;

	if (path == NULL)
		return;
	/* it has a constructor, too */
	unsetenv("EXTENSION_OPENS");
	handle = extension_open(path, RTLD_NOW | RTLD_DEEPBIND);
	if (handle == NULL)
		return;
	*(void **)&tell = dlsym(handle, "extension_tell");
	tell();
}
