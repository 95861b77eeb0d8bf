/* SPDX-License-Identifier: ISC */
/*
 * A server whose listener is registered with epoll, and that closes it by other
 * means than close(2), or did not make it a listener itself.
 *
 *	registered CASE
 *
 * Says "ok" in the end, or what was not as without the library. CASE is
 * "inherited", or how the listener is closed.
 */
#include "closing.h"

/* Closes the listener by other means than close(2). */
static void close_listener(void)
{
	if (is(how, "close_range") && close_range != NULL)
		EXPECT(close_range((unsigned)listener, (unsigned)listener,
				   0) == 0);
	else if (is(how, "closefrom") && closefrom != NULL)
		closefrom(listener);
	else
		_exit(77);
}

/* Nothing of it is left in the program's epoll. */
static void case_listener(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	char line[128];
	bool watched = false;
	FILE *file;

	/* below the listener, as all above may be closed */
	EXPECT(dup2(epoll_create1(0), STDOUT_FILENO) == STDOUT_FILENO);
	EXPECT(epoll_ctl(STDOUT_FILENO, EPOLL_CTL_ADD, listener, &event) == 0);
	start_waiting();
	close_listener();
	if (!is(how, "closefrom"))
		check_gone();
	file = fopen("/proc/self/fdinfo/1", "r");
	EXPECT(file != NULL);
	while (fgets(line, sizeof(line), file) != NULL)
		watched |= strncmp(line, "tfd:", 4) == 0;
	EXPECT(!watched);
}

/*
 * A listener that the program was given, and so not known as one, is
 * registered with several epolls before its first accept.
 */
static void case_inherited(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = UNUSED };
	int epolls[5];

	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	address.sin_port = 0;
	EXPECT(bind(listener, (struct sockaddr *)&address,
		    sizeof(address)) == 0);
	EXPECT(syscall(SYS_listen, listener, 16) == 0);
	EXPECT(getsockname(listener, (struct sockaddr *)&address,
			   &(socklen_t){ sizeof(address) }) == 0);
	for (int i = 0; i < 5; i++) {
		epolls[i] = epoll_create1(0);
		/* those of the program's past, which nobody took back */
		EXPECT(epoll_ctl(epolls[i], EPOLL_CTL_ADD, listener,
				 &event) == 0);
		if (i < 2)
			EXPECT(syscall(SYS_epoll_ctl, epolls[i],
				       EPOLL_CTL_DEL, listener, NULL) == 0);
		if (i == 3)
			EXPECT(epoll_ctl(epolls[i], EPOLL_CTL_DEL, listener,
					 NULL) == 0);
	}
	start_waiting();
	end_waiting();
	for (int i = 2; i < 5; i += 2) {
		EXPECT(epoll_wait(epolls[i], &event, 1, -1) == 1);
		EXPECT(event.data.u64 == UNUSED);
	}
	accept_and_close();
}

int main(int count, char **words)
{
	how = count > 1 ? words[1] : "";
	listener = start_listener(SOCK_NONBLOCK);
	if (is(how, "inherited"))
		case_inherited();
	else
		case_listener();
	return write(STDERR_FILENO, "ok\n", 3) == 3 ? 0 : 1;
}
