#!/usr/bin/env escript
%% SPDX-License-Identifier: ISC
%% An echo server for the benchmarks, as in the README of the original: one
%% process a connection. Argument: the port.
%%! -start_epmd false
-mode(compile).

main([Port]) ->
    {ok, Listener} = gen_tcp:listen(
        list_to_integer(Port),
        [binary, {ip, {127, 0, 0, 1}}, {active, false}, {reuseaddr, true},
         {backlog, 4096}, {nodelay, true}]),
    io:format("listening~n"),
    accept(Listener).

accept(Listener) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    Server = spawn(fun() -> receive go -> echo(Socket) end end),
    ok = gen_tcp:controlling_process(Socket, Server),
    Server ! go,
    accept(Listener).

echo(Socket) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, Data} ->
            gen_tcp:send(Socket, Data),
            echo(Socket);
        {error, _} ->
            gen_tcp:close(Socket)
    end.
