/* SPDX-License-Identifier: ISC */
/*
 * Many threads that listen at once, the first calls of this process that need
 * the settings file:
 *
 *	rush [cancelled]
 *
 * With cancelled, each thread is to be cancelled wherever it can be. Says how
 * many calls succeeded, how many failed with EINVAL, and how many descriptors
 * there are more than before, but for the sockets.
 */
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define THREADS 8

static pthread_barrier_t barrier;
static atomic_int listening, refused;
static int sockets[THREADS];
static int cancelled;

static int count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	if (directory == NULL)
		exit(1);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

static void *run(void *argument)
{
	int *fd = argument;

	pthread_barrier_wait(&barrier);
	if (cancelled)
		pthread_cancel(pthread_self());
	if (listen(*fd, 1) == 0)
		atomic_fetch_add(&listening, 1);
	else if (errno == EINVAL)
		atomic_fetch_add(&refused, 1);
	return NULL;
}

int main(int count, char **arguments)
{
	pthread_t threads[THREADS];
	int before;

	cancelled = count > 1 && strcmp(arguments[1], "cancelled") == 0;
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		sockets[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (sockets[i] < 0)
			return 1;
	}
	before = count_descriptors();
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, run, &sockets[i]) != 0)
			return 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("listening %d refused %d more %d\n", atomic_load(&listening),
	       atomic_load(&refused), count_descriptors() - before);
	return 0;
}
