"""Word families of what agents do all day: commands, code to be written or mended, look-ups, talk. Our own writing.

They speak against every preference whose description does not name them: so "none fits" is found. Written as
:mod:`wiremend.rules.word_families` is.
"""

from __future__ import annotations

from typing import Final

CODING: Final = """
2.0: ^implement, implement it, implement .. endpoint, write .. function, write .. script, write .. class
2.0: write .. endpoint, write .. regex, write .. query, write .. dockerfile, write .. program, write .. component
2.0: write .. method, write .. hook, write .. cli, write .. parser, write .. decorator, write .. makefile
2.0: write .. workflow, write .. migration, write .. code, create .. endpoint, create .. component
2.0: create .. dockerfile, create .. file, create .. table, create .. class, create .. route, create .. branch
2.0: create .. script, make .. script, make .. button, ^scaffold, ^hook up, ^wire up, ^integrate, build .. app
2.0: build .. page, generate .. type*, generate .. client, generate .. code, generate .. file, generate .. schema
2.0: generate .. stub*, regex for, ^implementier*, implementa, schreib .. funktion, schreib .. skript
2.0: escribe .. función, escribe .. script, crea .. archivo, 实现, 写一个函数, 写个脚本, 写一个脚本, 写一个 .. 函数
2.0: 写个函数, 加一个, 添加, füge .. hinzu, añade, agrega
1.6: ^add, ^support, ^expose, ^port, ^make, ^build, ^create, ^use, ^replace, ^change, ^update, ^extend, ^set, ^enable
1.6: ^disable, ^remove, ^convert, ^turn, ^switch, ^raise, ^lower, ^bump, ^upgrade, ^downgrade, ^migrate, ^wrap
1.6: ^validate, ^return, ^apply, ^skip, ^resolve, ^handle, ^mock, ^cache, ^log, ^register, ^declare, ^inline, ^import
1.6: ^rewrite .. in, ^hide, ^sort, ^code, ^bring, ^let, ^give .. default, ^allow, ^append, ^insert, ^ändere, ^ersetze
1.6: ^entferne, ^baue, ^cambia, ^quita, 改成, 修改, 替换, ^address, ^incorporate, ^set up, ^setup, ^configure, ^adjust
1.6: ^adapt, ^correct, ^complete, ^finish, ^include, ^exclude, ^pass, ^store, ^move, ^point, ^throw, ^catch
1.6: ^parametrize, ^pin, ^vendor, ^translate .. code, ^rewrite .. using, ^swap, ^drop, ^increase, ^decrease
0.6: ^write, ^generate, ^put, ^do
"""

DEBUGGING: Final = """
2.0: ^fix, ^debug, ^repair, fix this, fix the, fix it, fix that, fix all, make it work, get it working, make .. pass
2.0: test fails, failing test, tests fail, why does .. fail, why is .. failing, doesn't work, does not work
2.0: not working, stopped working, behebe, repariere, arregla, corrige, solve .. conflict, merge conflict*
2.0: resolve .. conflict*, 修复, 修一下, 改好, 解决 .. 报错, 报错, 不能用
1.8: {trace}
1.4: getting .. error, compile error, build fails, build error, fails with, broken, since the update
1.4: after the upgrade, fehlermeldung
1.3: crashes, crash, exception, stack trace, stacktrace, traceback, error message, throws, 404, 500, 413, segfault*
1.3: warnings, hangs
"""

TESTING: Final = """
2.0: write .. test, write .. tests, write .. unit test*, add .. test, add .. tests, add .. unit test*
2.0: generate .. test*, cover .. with test*, run .. test, run .. tests, run .. unit test*, run the suite, run pytest
2.0: parametri* .. test, schreib .. test*, escribe .. prueba*, escribe .. test*, tests ausführen, 写 .. 测试
2.0: 跑 .. 测试, 运行 .. 测试, 单元测试, ^test
1.3: e2e test*, integration test*, test coverage
1.0: pytest, jest, vitest, junit, fixture*, mocks, unit test*, test case*, coverage
"""

REFACTORING: Final = """
2.0: ^refactor, ^rename, ^extract, ^move, ^split, ^simplify, ^reorganize, ^deduplicate, ^inline, ^clean, clean up
2.0: ^tidy, ^modernize, rename .. to, extract .. into, move .. to, split .. into, umbenenn*, benenne, renombra
2.0: refactoriza, 重命名, 重构, 移到, 拆分
1.0: refactor*, dead code, duplicate*
"""

SHELL: Final = """
2.0: ^list, ^ls, ^cd, ^cat, ^grep, ^run, ^commit, ^push, ^pull, ^rebase, ^merge, ^checkout, ^stash, ^delete, ^install
2.0: ^start, ^stop, ^restart, ^kill, ^open, ^close, ^download, ^upload, ^copy, ^format, ^lint, ^search, ^find .. file*
2.0: ^find .. where, ^git, ^npm, ^docker, ^execute, ^cherry, ^revert, ^undo, ^tag, ^rm, ^mv, ^curl, ^ping, ^print
2.0: ^pretty, ^save, ^link, ^assign, ^tail, ^head, ^count, ^unzip, ^zip, ^sync, ^fetch, ^clone, ^squash, ^amend
2.0: ^watch, ^export, ^clear, ^dump, ^read {path}, show me .. file*, show me .. log*, show me .. left, ^show .. diff
2.0: ^show .. status, ^show .. line*, ^show .. log, ^show me what, commit .. push, git status, list files, ^zeig*
2.0: ^liste, ^lösch*, ^starte, ^installiere, ^führe .. aus, ^öffne, ^muestra, ^lista, ^instala, ^ejecuta, ^borra
2.0: ^elimina, ^levanta, ^abre, ^sube, ^lanza, ^arranca, 重启, 删除, 运行, 安装, 打开, 列出, 提交, 启动, 显示, 查看
0.6: ^show, ^get, ^check, ^read, ^look, ^tell, ^try, ^repeat, ^type, ^enter, ^go
"""

LOOKUP: Final = """
2.0: what time is it, what is the weather, what does .. do, what does .. mean, how do i, how to, how can i, where is
2.0: where are, where do, where does, which version, which port, which file, which command, what is the syntax
2.0: what is the difference between, what is the command, what is the default, what is the name, what is the path
2.0: who wrote, who owns, when was, when did, when is, what day, ^explain, explain what, explain how, ^define
2.0: ^what is a, ^what is an, ^what are the, what is the capital, how does .. work, was macht, wo ist, wo liegt
2.0: wie kann ich, wie spät, welche version, welcher port, erklär*, was bedeutet, dónde está, qué hace, cómo puedo
2.0: cómo se, qué es, explica*, qué significa, qué versión, 是什么, 怎么, 在哪, 解释, 什么意思, 几点, 哪个文件
2.0: ^what is &short, is there a newer, newer version, latest version, ^who is &short, ^what are &short, in use
2.0: up to date, what version, which branch, what branch, is there a flag, is there an option, what is the difference
2.0: what flags, what options, how many tests, how many files, how many lines, how big is, how large is
2.0: how old is this, who maintains, who is the author, give me the command, what does this error mean
2.0: what does this function do, what does it do, what does that do, walk me through {path}, welcher branch, wie heißt
2.0: wie viele dateien, wie lautet, cuántos archivos, cuál es el comando, 什么区别, 区别, 怎么用, 多少个文件, 是谁
1.4: ^does .. have, ^does .. support, ^do .. have, ^is there .. shortcut, ^is there .. for this, ^is there a
1.4: ^is there an, ^are there any, does this repo, does this project, does the repo, tell me the, tell me which port
1.2: ^what is, ^which, ^where, ^who, ^when, ^was ist, ^wo, ^welche, ^qué, is there a way, does .. support, do we have
1.2: do we use
"""

DOCUMENTS: Final = """
2.0: write .. readme, update .. readme, add .. docstring*, write .. docstring*, write .. documentation, document this
2.0: ^document, write .. changelog, commit message*, pr description, release notes, api docs, jsdoc, write .. comment*
2.0: add .. comment*, docstring for
1.0: docstring*, readme, changelog, documentation, openapi
"""

DEVOPS: Final = """
2.0: ^deploy, ^provision, ^scale, ^rollback, roll back, deploy to
1.3: kubernetes, kubectl, helm chart*, terraform, ansible, ci pipeline, github action*, docker compose, dockerfile
1.3: nginx, systemd, ingress, namespace*, staging, deployment*, cron job*, load balancer*, autoscal*
1.2: aws, gcp, azure, docker, cluster, pipeline*, prod, production, container*, k8s, server, monitoring, alerting
1.2: grafana, prometheus, deploy*, infrastructure, pod, pods, node pool*, secret*, vm, dns, certificate*, backup*
"""

CONVERTING: Final = """
2.0: turn .. into .. table, turn .. into .. json, turn .. into .. csv, convert .. to, convert .. into, pretty print
2.0: as a table, markdown table, to json, to yaml, to csv, into json, into yaml, format this, reformat, ^parse
2.0: ^extract .. from, ^sort, ^encode, ^decode
1.2: iso date*, base64, unix timestamp, timezone, json, yaml
"""

TALK: Final = """
1.4: how are you, who are you, what can you do, what model, which model, good morning, good night, thank you, thanks
1.4: see you, nice work, wie geht's, wer bist du, danke, gracias, cómo estás, quién eres, 谢谢, 你好, 你是谁, lol
1.4: well done
"""

MASKS: Final = """
check out the branch, check out branch, check out main, review comments branch, use poetry, poetry or pip, poem page
story list, poems page, reasoning parser, reasoning model*, reasoning effort, reasoning token*, reasoning content
reasoning test*, reasoning module, proofs folder, rate limit*, proofs directory, stories folder, poem model
poems folder, story.ts, creative team, reviews table, false positive in lint, review comments from
the review comments, reviewer's feedback, reviewer's comments, review feedback from, review service, review thread*
poetry env, poetry shell, poetry build, rhyme scheme config, storycard, story card, stories endpoint, story points
story id, logic app*, logic gate library, math.*, proof.*, proof token, proof key, proof service, prover binary
theorem env, puzzle game, user story, user stories, story point*, story ticket*, proof of concept, proof of address
proof of work, proof of payment, review app*, review command, review environment*, review branch protection
review request*, creative director, creative cloud, code reviewer*, request review from, assign .. reviewer*
two reviewers, require .. reviewers, reviewers on, logic board, business logic, retry logic, validation logic
login logic, analysis paralysis, poem generator, story generator, storybook, story book component, novel coronavirus
character encoding, character set, special character*, escape character*, character limit, per character
characters long, fixed point, integer column, integer overflow error, prime video, prime day, default argument
argument parser, command line argument*, function argument*, arguments, first argument, positional argument*
keyword argument*, missing argument, argument error, invalid argument*, verse number, math library, math module
math random, chapter number, scene graph, hero section, hero image*, hero component, hero banner, poetry install
poetry add, poetry lock, poetry run, pytest plugin, campaign id, headline component, headline font, title tag
song table, songs table, poems table, stories table, lyrics field, verse api, imagine dragons, review column
review model, review form, review page, product review*, customer review*, app store review*, review score*
book review*, film review*, proof reading, waterproof
"""

CONTINUES: Final = """
go on, continue, keep going, carry on, proceed, go ahead, more, next, and then, and, yes, yes please, ok, okay, sure
please, do it, yep, yeah, y, great, good, nice, perfect, thanks, thank you, cool, right, exactly, sounds good
another one, one more, again, try again, weiter, mach weiter, ja, bitte, gut, super, danke, genau, noch eins, noch mal
nochmal, sigue, continúa, sí, dale, vale, otra vez, más, 继续, 好, 好的, 是, 是的, 对, 可以, 接着, 再来一个, 然后呢
请继续, 嗯, go, on, finish, finish it, the rest, rest, part two, next part
"""
