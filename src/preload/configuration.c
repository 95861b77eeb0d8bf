/* SPDX-License-Identifier: ISC */
/* Reading this process's settings; see configuration.h. */
#include <config.h>

#include "configuration.h"

#include "log.h"
#include "real.h"

#include <netinet/in.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#ifdef PP_CLIENT
#define TABLE pp_client_settings
const char pp_library[] = "libproxyproto_connect";
#else
#define TABLE pp_server_settings
const char pp_library[] = "libproxyproto";
#endif

static struct pp_settings settings;
static struct pp_settings_error error;

/* Whether the two above are there to be read. */
enum { UNREAD, BEING_READ, READ };
static _Atomic int state = UNREAD;

static void read_settings(void)
{
	pp_real_resolve();
	pp_settings_defaults(TABLE, &settings);
	/* whoever runs a setuid program must not steer what it believes */
	if (getauxval(AT_SECURE) == 0)
		pp_settings_environment(TABLE, environ, &settings, &error);
	if (pp_real_is_copy()) {
		settings.versions = PP_VERSION_NONE;
		settings.send_version = 0;
		error.text[0] = '\0';
	}
}

const struct pp_settings *pp_configuration(void)
{
	int expected = UNREAD;

	if (atomic_load_explicit(&state, memory_order_acquire) == READ)
		return &settings;
	if (atomic_compare_exchange_strong(&state, &expected, BEING_READ)) {
		read_settings();
		atomic_store_explicit(&state, READ, memory_order_release);
	}
	while (atomic_load_explicit(&state, memory_order_acquire) != READ)
		sched_yield();
	return &settings;
}

/* Daemons overwrite their environment later, to show a title. */
__attribute__((constructor)) static void start(void)
{
	pp_configuration();
}

bool pp_configuration_is_valid(void)
{
	pp_configuration();
	return error.text[0] == '\0';
}

bool pp_configuration_refuses(int fd)
{
	static atomic_flag told = ATOMIC_FLAG_INIT;

	if (pp_configuration_is_valid() || !pp_is_internet_socket(fd))
		return false;
	if (!atomic_flag_test_and_set(&told))
		pp_log(pp_library, "%s", error.text);
	return true;
}

bool pp_is_on(void)
{
	return pp_configuration()->versions != PP_VERSION_NONE;
}

static int socket_option(int fd, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, option, &value, &length) != 0)
		return -1;
	return value;
}

bool pp_is_internet_socket(int fd)
{
	return pp_family_is_internet(socket_option(fd, SO_DOMAIN));
}

bool pp_is_tcp_socket(int fd)
{
	int protocol = socket_option(fd, SO_PROTOCOL);

	return protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP;
}
