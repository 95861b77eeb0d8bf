/* SPDX-License-Identifier: ISC */
/*
 * loader FIFO PROGRAM: executes PROGRAM in a child of _Fork(3) while another
 * thread is in the loader, and stays there: it reads a library that is a pipe.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void *load(void *file)
{
	return dlopen(file, RTLD_NOW);
}

static int be_child(char *program)
{
	char *const argv[] = { program, NULL };
	int fd = fcntl(STDOUT_FILENO, F_DUPFD, 10);

	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || close(fd) != 0)
		return 2;
	execv(program, argv);
	return 3;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int status = -1, writer;
	pid_t child;

	if (argc != 3 || pthread_create(&thread, NULL, load, argv[1]) != 0)
		return 1;
	/* there is a reader once it can be opened */
	while ((writer = open(argv[1], O_WRONLY | O_NONBLOCK)) < 0)
		sched_yield();
	child = _Fork();
	if (child == 0)
		_exit(be_child(argv[2]));
	waitpid(child, &status, 0);
	printf("status %d\n", status);
	fflush(stdout);
	_exit(0);
}
