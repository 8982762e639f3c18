"""Word families of the router ``local``: reasoning, reviewing, writing. What people say then; our own writing.

A family has *names*, the words by which a description speaks of it, and *cues*, what its users say. How they are
written is told in :mod:`wiremend.rules.lexicon`. A cue of weight 1 is nearly enough by itself, one of 2 is enough even
against a word that speaks for something else. Fields of work and life are in :mod:`wiremend.rules.word_fields`, what
agents do all day in :mod:`wiremend.rules.word_errands`.
"""

from __future__ import annotations

from typing import Final

MATHEMATICS: Final = """
2.2: ^prove, ^disprove, prove .. that, proof .. that, theorem, lemma, prove or disprove, infinitely many, closed form
2.0: by induction, counterexample, counter example, integral, derivative, eigenvalue*, polynomial, diophant*
2.0: irrational, recurrence, binomial*, combinator*, expected number, expected value, bayes*, markov chain
2.0: conditional probability, np hard, np complete, undecidab*, decidab*, halting problem, monty hall, pigeonhole
2.0: bijection, isomorph*, game theory, math problem, mathematic*, amortis* .. cost, amortiz* .. cost, lower bound
2.0: upper bound, birthday paradox, nash equilibri*, beweis*, vollständig* induktion, wahrscheinlichkeit*, demuestra*
2.0: demostr*, probabilidad*, teorema*, satz von, 证明, 推导, 概率, 定理, 方程, 归纳, 期望值, 数学, démontr*
2.0: calcula la probab*, shortest path .. visit, missing dollar, bat and a ball, diagonalis*, diagonaliz*
2.0: travelling salesman, traveling salesman, winning strategy, optimal strategy, first player, second player
2.0: trailing zeros, closed formula, law of large numbers, central limit, random walk, expected .. until
2.0: drawn at random, eigen*, find all .. such that, steady state, queueing model, little's law, queens
2.0: must it be .. cyclic, limit of .. and why, eigenspace*, next number, general rule, how many people must
2.0: share a birthday, ace of spades, shuffle*, towers of hanoi, türme von hanoi, pile of, matches from
2.0: colour the plane, how few, fewest comparison*, how many workers, arrivals of, truth table, refute
2.0: construct it or, bloom filter*, find the error &math, snail, false negative*, tournament*, voting rule*
2.0: less than o, in o n, o log n, big theta, fair coin, biased coin, modulus, twice in a row, gale shapley
2.0: zero knowledge, hash collision*
1.8: ^solve &math, smallest n, largest n, such that n, how many days, dentro de .. días, in .. tagen, ends in .. zeros
1.8: lowest number
1.6: ^derive, ^show that, derive, proof, probability, odds, chance of, chances of, chance that, equation*, inequality
1.6: divisible, worst case, potential function, asymptotic*, time complexity, space complexity, reduce .. from
1.6: reduction from, square root, contradiction, is .. optimal, stays optimal, provab*, prove, convex*, converge*
1.6: continuous, natural number, modulo, modular, how many ways, how many different, in how many, permutation*
1.6: at random, confidence interval, standard deviation, variance, false positive rate, queueing theory, queue theory
1.6: information theory, graph theory, linear algebra, number theory, poisson, leite .. her, berechne, herleit*
1.6: calcula, cuánt* .. probab*, 计算, 最优, 下界, 上界, 复杂度, 递推, how many &figures, how much &figures
1.6: how long &figures, how far &figures, how fast &figures, how old &figures, at what time &figures
1.6: find all integer*, find the number of, find the smallest, find the largest, solve for, for all n, for every n
1.6: for all x, for every, chessboard*, domino*, tiling*, tile .. board, jugs, weighings, twice as old, as old as
1.6: compound interest, urn, deck of cards, playing cards, marble*, dice roll*, lottery, roulette, p value
1.6: sample size, most efficient way, spanning tree, {figures} &question &world, cyclic, group of order, abelian
1.6: homomorph*, topolog*, prime factor*, the limit of, matrix &math, determine all, from the axioms, axioms
1.6: divisible by, odd, even number*, negative number*, independence, chance that i, chances that, better than one
1.6: percent sure, assume independen*, monedas, balanza, münzen, waage, 策略, 成功率
1.2: integer, triangle*, fraction of, geometr*, arithmetic, coin flip*, dice, prime, primes, formula for, coefficient*
1.2: optimal, fewest, minimum number, maximum number, least number, smallest number, largest number, how sure
1.2: how likely, on average, polynomial algorithm, exponential*, logarithm*, sum of, product of, gleichung*, ecuaci*
1.2: triángulo*, dreieck*, matrix, matrices, vector space, vertices, vertex, graph with, digits, factorial*, remainder
1.2: divisor*, gcd, circle*, angle*, radius, perimeter, tangent*, slope, monotone, greedy, knapsack, bin packing
1.2: dynamic programming, approximation ratio, entropy, maximize, minimize, maximise, minimise, limit of, infinite*
1.2: infinity, heavier, lighter, balance scale, litre*, liter jug*, kleinste, größte, anzahl der, mínimo, máximo
1.2: baraja, dados, 最小, 最大, 多少, 几种, 同时, 小时, 分钟 .. 相遇, 个球, 求解, 求, primzahl*, números primos
1.2: ^suppose, ^given &question, ^let &math, ^assume, round robin, how many possibilities, how many arrangements
1.2: wie viele möglichkeiten, möglichkeiten, formas puedo, cuántas formas, de cuántas, qué probabil*, bigger than
1.2: what is bigger, which is bigger, which is larger, minutes per, per hour, km h, mph, minimality, quantif*
1.2: formally, terminates, terminate, iff, hamiltonian, suffice, suffices, without a calculator, success rate
1.2: per minute, replicas, how long does it take, how long will it take, card, cards, coin, coins, bulb*, switches
1.2: wolf, goat, cabbage, farmer, boat, torch, bridge, pile, comparisons, 囚犯, 盒子, 硬币, heaps, comparator*
1.2: uniformly, candidates, voters, equivalent to, algebra, by day, by night, climbs, per cent, fewer than
1.2: more than half
1.0: {question} &world &wordy
0.9: {math} &open, {figures} &question
0.6: solve, exact, exactly, ^evaluate, ^compute, ^calculate, ^work out, average, percent, ratio, rate of, how many
0.6: how much, {math} &wordy &open, {figures} &wordy &open
0.3: {math}
"""

LOGIC: Final = """
2.4: flaw in .. argument, flaw in .. proof, wrong with this reasoning, wrong with the reasoning
2.4: find the flaw in .. proof
2.2: logic puzzle, brain teaser, brainteaser, riddle, paradox*, knights and knaves, tells the truth, always lies
2.2: always lie, fallac*, this reasoning, reasoning flawed, my reasoning, his reasoning, her reasoning
2.2: which observation, fits all, work backwards, reconcile, these two statements
2.0: step by step, ^reason, ^deduce, ^argue, first principles, watertight, airtight, rigorous*, syllogis*, deduce
2.0: deduction, convince me, reasoning problem, logical reasoning, deep reasoning, logical argument, complex reasoning
2.0: chain of reasoning, think hard, think harder, think deeply, think carefully, think it through, think this through
2.0: ultrathink, reason through, rätsel*, razona*, schritt für schritt, paso a paso, acertijo*, 逻辑, 推理, 一步一步
2.0: 谜题, 逐步, 论证, denk* .. gründlich, schlussfolger*, logisch*, razonamiento, raisonn*, 推断, 为什么 .. 一定
2.0: hypothes*, argument valid, valid argument, is .. argument .. valid, hole in .. argument, who stole, who did it
2.0: who owns the, who lives, suspects, murder*, thief, alibi, sits next to, sit next to, seating*, next to each other
2.0: truth teller*, sudoku, mate in, white to move, nim, prisoner*, coloured hats, colored hats, wearing hats
2.0: does .. imply, follows from, follow from, logic grid, what can we conclude, strongest argument, counterargument*
2.0: counter argument*, trolley problem, thought through, can you be sure, how do you know that, construct a scenario
2.0: actual argument, the argument that, evaluate the argument, for and against, drop that assumption, strategy for
2.0: tell apart, minimal set of, set of experiments, own conclusion, three switches, light bulb, farmer .. wolf
2.0: find a strategy, settle it, settle this, refute it, refute this, knights, which question, best case for each
2.0: then decide
1.8: theory that, explains this, work out a theory, logic fails, where exactly, what can be said about, said about
1.8: prisoner's logic
1.6: puzzle*, puzzl*, who is what, who is who, who is lying, liar*, ruled out, rule out, rule it out, tell truth
1.6: possible at all, invariant*, must be true, necessarily, sufficient condition, necessary condition, argument
1.6: logically, infer, is it possible .. that, is that possible, can .. ever, could .. ever, can that happen
1.6: happen at all, deadlock-free, impossib*, from the assumption*, assumption*, strictly speaking, contradict*
1.6: premise*, begründe*, justifica*, 假设, 矛盾, imply, implies, implied, contrapositive, if .. then .. must, must it
1.6: must there, must .. always, is it true that, is it always true, no two, exactly one of, at most one
1.6: neither .. nor, whichever, regardless of, under any, in any order, under no, all of these, mutually exclusive
1.6: deadlock free, livelock, critical section, happens before, memory model, reordered, interleaving*, lock free
1.6: are some, are all, ^if &question &world, enumerate, untangle, how can both, both be right, who is telling
1.6: is it rational, explanations, observation*, supports them, strongly .. support*, impossible to
1.6: why is it impossible, both statements, winning*, construct .. example, construct .. scenario, disagree whether
1.6: lies, lying, truthful, claims that, someone claims, is it true, true or false
1.2: your reasoning, show every step, show your work, each step, every step, show the steps, case by case
1.2: what follows, conclude, under which, under what, in general for, either way, mutual exclusion, starvation
1.2: convince, plausib*, think about, ambigu*, valid, sound, deduc*, philosoph*, ethic*, moral, consisten*, rational
1.2: why or why not, and why, with reasons, reasoned, löse .. rätsel, warum .. immer, kann es sein, folgt daraus
1.2: puede ser que, es posible que, siempre, 是否可能, 一定, 必须, 说明理由, 理由, 谁, argue, argue whether
1.2: objections, philosopher, both sides, mechanism*, either or, different number, can all, can there be
1.2: is there a &world, 说谎, 真话, 撒谎, 谁说, 说明为什么, 能否, wer lügt, miente
0.8: ^figure out, ^work out, which of .. true, if and only if, explain why, why can't, why must, why would, why does
0.8: why is
0.6: exactly one, at most, at least, always, never, every, each, possible, cannot, can't be, must, only if, if and
0.6: either, neither, suppose, true, false, difference, different, all, some, none, both, {question} &open &wordy
"""

ANALYSIS: Final = """
2.2: trade off*, tradeoff*, pros and cons, deep analysis, second order effect*, root cause analysis, cost benefit
2.2: deep dive
2.0: weigh up, weigh it up, weigh .. against, weigh the, devil's advocate, back of the envelope, fermi
2.0: in depth analysis, steelman, what would break first, multi step, decision matrix, ^weigh, thought experiment
2.0: ^analyze .. why, ^estimate, vor und nachteil*, abwäg*, wäge, ventajas y desventajas, 利弊, 权衡, 深入分析
2.0: 分析 .. 原因, analiza .. a fondo, which one would you pick, which would you pick, tell me which &open
2.0: make the case, build or buy, buy or build, build vs buy, rent or buy, what would happen if, what would happen to
2.0: what happens to .. if, what if we, would it help if, stress test .. idea, model it, exactly once, split brain
2.0: two phase commit, raft, paxos, snapshot isolation, write skew, lost update, isolation level*, clock skew
2.0: queue length, arrival rate, utilisation, utilization, tail latency, error budget, break even, opportunity cost
2.0: expected cost, test .. hypothesis, which facts, competing explanation*, alternative explanation*, what explains
2.0: most plausible, root out, post mortem, incentive*, externalit*, supply and demand, equilibrium, zero sum
2.0: auction*, negotiat*, long term implication*, what are the odds, weigh .. against plain, event sourcing
2.0: list causes, causes by likelihood, by likelihood
1.8: third order, second and third order, ^rank &open, rank these, defend the, defend your, failure behavio*
1.8: consequences of
1.6: should we, which would you, which one would you, what would you give up, consequences, implications
1.6: ramification*, game out, cap theorem, linearizab*, serializab*, consensus protocol, eventual consistency
1.6: strong consistency, quorum*, root cause, ^compare &open, ^justify, worth it, worth the, better choice, better fit
1.6: which is better, which is the better, failure mode*, bottleneck analysis, estimate .. how, how would you design
1.6: design .. from scratch, capacity plan*, sizing*, which approach, what approach, best approach, best strategy
1.6: strategy for, strategic*, long term, argue for, argue against, should we .. or, should i .. or, which .. and why
1.6: better .. or, best .. and why, decide, think through, think about, reason about, replica*, sharding, shard*
1.6: clocks drift, stale read*, optimistic .. locking, pessimistic, at scale, failure scenario*, bound on, outage
1.6: caused*, causes, cause of, culprit, correlation, causation, evidence, likelihood, risk*, worst thing that
1.6: ^help me think, really, riskier, which is riskier, acceptable, is it acceptable, take .. seriously, plausible
1.6: consider cost, cost risk, piece by piece, over two years, in the long run, for our team, short term
1.6: what is the risk of, rewrite or, symptoms, latency spikes, spikes every, probability of losing, at least once
1.6: at most once, partition tolerant, available and, in three years, both sides of, on balance, side effects of
1.6: unintended, incentives
1.2: ^analyze, ^analyse, deep, analysis, analyze, complex, complex problem, complicated, sequence of failures
1.2: compare &open, in theory, explain .. why, hypothetical*, counterfactual*, scenario*, what happens to
1.2: what happens if, what happens when, design choice*, protocol, network partition, race .. possible, consistency
1.2: decide between, decide whether, choose between, versus, vs, bottleneck, analysiere, vergleiche, analiza, compara
1.2: 分析, 比较, 方案, warum, por qué, 为什么, entscheid*, sollten wir, deberíamos, halve, halved*, double the
1.2: doubled*, timeline, budget, latency, throughput, p99, cost of, savings*, cheaper, afford, per month
1.2: was wäre wenn, was passiert wenn, lohnt, wäre es besser, qué pasaría si, conviene, vale la pena, 如果 .. 会, 应该
1.2: 哪个更, 是否, 原因, 后果, 评估, estimate*, fair, rational, believe, prefer, preferable, instead of .. or, slower
1.2: faster than, safer, idempotent, delivered, durability, shards, replication, quorum, failover, consisten*
1.2: invariants
0.8: {long} &question
0.7: should i, why, likely, assume, claims, constraint*, guarantee*, most likely, worth, theory, what fraction
0.7: estimate
0.5: {long}
"""

CODE_REVIEW: Final = """
2.4: code review*, review .. code, review .. pr, review .. pull request, review .. diff, review .. commit*
2.4: review .. branch, review .. function, review .. file, review .. change*, review .. patch*, review .. class
2.4: review .. merge request, ^review {path}, review .. mr, review .. module, review .. implementation
2.4: review .. migration, review .. query, review .. script, catastrophic backtracking, match the diff
2.4: matches the diff, null pointer, can this ever &code, is terrible, quoting mistakes
2.2: look over my, second pair of eyes, pair of eyes, spot the bug*, code smell*, would you approve, would you merge
2.2: block the merge, worst reviewer, harshest reviewer, strict reviewer, act as .. reviewer, as a reviewer
2.2: security review, security audit, lgtm, ^audit, ^critique, ^nitpick, nitpick*, nit pick*, roast .. code
2.2: tear .. apart, poke holes, code quality, review comment*, thread safe, threadsafe, race condition* .. here
2.2: memory leak* .. here, sql injection, security hole*, security issue*, vulnerabilit*, what is wrong with this
2.2: what is wrong with my, anything wrong with, is there a bug, any bugs, find .. bug*, find .. bugs, see .. bug*
2.2: spot .. bug*, spot .. issue*, spot .. problem*, spot .. mistake*, bugs in, list .. problems, list .. issues
2.2: look for bug*, looking for bug*, check .. for bug*, check .. for issue*, check .. for problem*
2.2: check .. for mistake*, code durchsehen, schau .. code, schau .. commit, prüf* .. code, prüf* .. auf fehler
2.2: wo fehler stecken, wo .. fehler, code anseh*, revisa .. código, revisa .. archivo, revisa {path}
2.2: revisa .. función, malas prácticas, qué errores, revisión de código, audita*, 代码审查, 审查, 这段代码有什么
2.2: 有什么问题, 有没有问题, 有没有 bug, 可以改进, 看看 .. 代码, 评审, 找出 .. 问题, 检查 .. 代码, 有没有漏洞, 挑毛病
2.2: anything off, ready to merge, rip it apart, tear it apart, pull it apart, pick it apart, shred it, pass .. review
2.2: senior engineer .. review, n 1 queries, what could break, find .. race, have a look at .. diff
2.2: look at .. changes, look at .. branch, comment on it, comment on the diff, comment on this, comment on my
2.2: comments on my, comments on this, leave comments, something stupid, something wrong, anything stupid
2.2: anything suspicious, suspicious, fishy, sketchy, hacky, any concerns, potential bug*, potential problem*
2.2: potential issue*, potential performance, hidden bug*, subtle bug*, weak spots, weakest, weak points
2.2: how good is this, how bad is this, rate this code, rate my, grade this, grade my, would you accept
2.2: would you reject, worst thing about, does this look, does that look, does it look ok, does it look right
2.2: looks right to you, look ok to you, look right to you, passt das so, does .. leak, does .. have .. bug*
2.2: could this deadlock, can this deadlock, can this panic, can this crash, could this crash, list .. bug*
2.2: list .. smell*, list .. issue*, list .. flaw*, list everything that, tell me .. wrong, tell me what you think
2.2: drüberschau*, drüber schau*, schau .. an und, bewerte den code, bewerte .. code, beurteil*, durchsicht
2.2: schwachstelle*, was hältst du, etwas faul, was ist falsch, was stimmt .. nicht, problema .. código
2.2: problemas .. código, algún problema, qué opinas, échale un vistazo, qué mejorar*, qué fallos, critica .. código
2.2: evalúa .. código, 审阅, 缺陷, 写得怎么样, 潜在, 隐患, 改进建议, 优化建议, 点评, 把关, 有什么毛病, 安全吗
2.2: 有 bug 吗, sign off, top three complaints, last chance to object, your verdict, stand out to you
2.2: stands out to you, poke at it, peer review, proofread the code, proofread .. code, fall over, falls over
2.2: any of our conventions, coding conventions, backwards compatib*, backward compatib*, bug prone, less bug
2.2: tests missing, missing tests, suggestions only, only suggestions, no edits, leave it alone, kritisier*
2.2: threadsicher, bien implementado, buenas prácticas, 写得, 清晰吗, 有什么建议, 提点意见, 给点建议, critical eye
2.2: worst sins, would you flag, flag whatever, flag anything, flag everything, accept in a pr, line by line
2.2: was rejected
2.0: compare .. implementation .. spec, list deviations, deviations from, conform*, comply with, spec complian*
2.0: semantics .. hold, still hold &thing, satisfy the contract, pulling its weight, lose data &thing, loses data
2.0: risk by risk, sins &thing
1.8: ^review, review this, review my, review it, reviewed, give .. feedback, feedback on, your opinion on
1.8: honest opinion, look over, looks off, go over .. and tell, go through .. and tell, go through .. and list
1.8: read through, sanity check, what do you think of this, what do you think about this, thoughts on this
1.8: thoughts on my, what would you change, would you change, any mistakes, any issues, any problems, any red flags
1.8: red flag*, anything i missed, what did i miss, did i miss, what smells, smells &thing, smelly &thing
1.8: what am i missing, did you get wrong, did i get wrong, be picky, be harsh, be brutal, be strict, point at lines
1.8: point out, by severity, swallow .. exception*, leaks, leaking, leak, unsafe, is this safe, is it safe, how bad is
1.8: is this idiomatic, is this correct &code, is this right &code, is this ok &code, idiomatic, pythonic
1.8: anti pattern*, antipattern*, find .. problem*, find .. issue*, find .. flaw*, see .. problem*, flaws
1.8: bad practice*, best practice*, vet, soundness, do you see .. wrong, tell me where we, how could this be improved
1.8: how would you improve, could this be better, can this be improved, suggest improvements, improvements
1.8: possible improvements, good to merge, safe to merge, mergeable, ship it, injection, off by one .. here
1.8: edge case* .. miss*, what breaks, what could go wrong, what can go wrong, what happens when &code, do they miss
1.8: worried about &path, quadratic, finding*, maintainab*, readability, not idiomatic, edge cases .. missing
1.8: edge cases .. missed, missing edge cases, go wrong with, could go wrong, inspect, assess, is my use of
1.8: am i using .. right, am i missing, am i overlooking, have i missed, overlooked, blind spot*, error prone
1.8: over engineered, overengineered, overcomplicated, over complicated, technical debt &thing, dead code, concerns
1.8: objections, what do you think, wdyt, take a look, is there any race, any race, race in, is this secure
1.8: is it secure, is it correct, is this a good, is this good, is this fine, is this sane, evaluate .. coverage
1.8: evaluate .. code, evaluate .. implementation, identify .. bug*, identify .. issue*, identify .. problem*
1.8: check .. for .. bad, check {path} for, inspect .. for, scan .. for, look through .. for, go through .. for
1.8: verbesser*, fehler, 问题, 意见, 评价, double check &thing, don't trust &thing, do not trust, do differently
1.8: differently &thing, shout if, without code, no code yet, unsauber*, de malo, qué tiene de malo, 回归
1.8: 引入 .. 回归, hands off, keep your hands off, reviewer hat, honest assessment, an attacker
1.6: ^verify &thing, ^compare &thing, ^inspect &thing, ^judge &thing, ^evaluate &thing, ^assess &thing, ^scrutinize
1.6: ^scrutinise, ^examine &thing, ^hunt, make sense &thing, sensibl* &thing, sense to &thing, feedback &thing
1.6: complaint* &thing, verdict, object to &thing, objection* &thing, misconfigur*, violat* &thing, convention* &thing
1.6: complaints about, comments &thing &question
1.5: {code} &question
1.4: cleaner &thing, {thing} &yesno, robust &thing, malicious input, against malicious, harden* &thing, stands up to
1.4: concurrency bug*, as a list, suggestion* &thing, idiomatic way, reviewers disagreed, this hunk, attached patch
1.4: proofread &thing, merge &thing &question, who is right
1.3: this pr, the diff, naming &thing, wrong &thing, flawed &thing, flaw &thing, terrible &thing, horrible &thing
1.3: awful &thing, garbage &thing, nonsense &thing, silly &thing, stupid &thing, forgot &thing, forget &thing
1.3: missing* &thing, missed &thing, overlook* &thing, mistake* &thing, error prone &thing, insecure &thing
1.3: unsafe &thing, secure &thing, safe &thing, correct &thing, correctly &thing, properly &thing, right &thing
1.3: sound &thing, ok &thing, okay &thing, fine &thing, sane &thing, good enough &thing, leak* &thing, race* &thing
1.3: deadlock* &thing, overflow* &thing, vulnerab* &thing, exploit* &thing, duplicat* &thing, too long &thing
1.3: too much &thing, too complex &thing, complicated &thing, deviat* &thing, problem* &thing, issue* &thing
1.3: bug* &thing, smell* &thing, ugly &thing, messy &thing, readable &thing, clean &thing, inefficient &thing
1.3: efficient &thing, slow &thing, quadratic &thing, null pointer &thing, exception* &thing, unhandled &thing
1.3: edge case*, corner case*, improve* &thing, better &thing, nicer &thing, honest* &thing, harsh &thing
1.3: picky &thing, terribl* &thing, auditor &thing, reviewer &thing, maintainer &thing, interview* &thing
1.3: grade &thing, ^rate &thing, verdict &thing, opinion &thing, quality &thing, worry &thing, worries &thing
1.3: worried &thing, concern* &thing, doubt* &thing, suspect &thing, suspicious &thing, dangerous &thing, risky &thing
1.3: sicherheitslück*, fehlerhaft*, revisión de seguridad, vulnerabilidad*, peligros* &thing, review &thing, 重点看
1.3: 并发安全, 审一下, 不合理, 看一下 .. 代码, würdest du das, so mergen, eyes on, should exist
1.3: did not change behavi*, forgotten &thing, sloppy &thing, nonsens* &thing, terrible &code, wrote this &code
1.3: garbage, here &code &question, this &code &question, spec &thing, ^flag &thing, before .. release, unacceptable
1.3: reject*, rewrote &thing, inherited &thing, testable, trust &thing, lock the table, something would
1.3: regression* &thing, mismatch*
1.2: my teammate, my colleague, staged changes, my last commit, my pr, the pr, this diff, pull request, existing code
1.2: mistake*, error handling, race condition*, deadlock*, nil deref*, overflow*, use after free, problems with
1.2: issues with, wrong with, just comments, comments only, report only, only report, don't change, do not change
1.2: don't fix, do not fix, don't touch, don't edit, before i push, before i merge, before merging, no patch*
1.2: without changing, tell me before, do not modify, don't modify, read only, sin modificar, sin cambiar
1.2: nicht ändern, nichts ändern, noch nichts, 不要改, 先别改, cleaner, could be better, improve, be improved, secure
1.2: leaky, fragile, brittle, robust, correctness, is this, critique, critici*, reviewing, opinion, feedback, audit
1.2: approve, nits, harsh, picky, merge that, merge this, smell &thing, swallow*, hole &thing, quality of
1.2: {diff} &question, potential, identify, hidden assumption*, unhandled, under load, under concurrency, concurrent*
1.2: retry logic in, coverage, backtracking, bottleneck*, inefficien*, slow &code, misuse*, misusing, ugly, messy
1.2: convoluted, tell me only, only tell me, i'll fix, don't change .. yet, before touching, just report, just list
1.2: just tell me, honest, be honest, brutal*, this function &code, this query &code
0.9: bug, bugs
0.7: {diff}
0.6: ^check &thing, ^confirm &thing, ^find &thing, ^scan &thing, ^list &thing &question, ^point &thing, ^look &thing
0.6: ^tell &thing, ^report &thing, ^identify &thing, deviations
0.5: {code}
0.4: wrong, problem*, issue*, code, ^check, check, {path}, pr, diff, security, performance, look at
"""

FICTION: Final = """
2.2: short story, bedtime story, bedtime tale, fairy tale*, ghost story, write .. story, tell .. story
2.2: make up .. story, fan fiction, fanfic*, novel, novella, flash fiction, screenplay, sci fi story, science fiction
2.2: monologue*, dialogue between, character sketch, kurzgeschichte*, märchen*, geschichte über, geschichte von
2.2: cuento*, relato*, microrrelato*, 故事, 小说, 童话, 剧本, 续写, 编一个, parody, parodie, satire, satirical
2.2: epic saga, world building, worldbuilding, backstory, villain*, protagonist*, antagonist*, create .. character*
2.2: create .. story, generate .. story, make .. story about, turn .. into .. tale, turn .. into .. story
2.2: tell me .. story, bedtime, gute nacht geschichte, gutenachtgeschichte*, erzähl*, alternate ending*
2.2: different ending, continue .. story, continue this, write .. scene, write .. dialogue, write .. character
2.2: romeo and juliet, hamlet, sherlock, in the voice, from the perspective of, ^pretend, mascot, diary, diary of
2.2: diary entry, monolog*, puppet*, goldilocks, fairy, tavern*, rumor*, magical realism, jane austen, ending*
2.2: point of view, same scene, from the .. point of view, version of .. with, script for, sketch, personality
2.2: catchphrase*, first chapter, last chapter, make the ending, make .. funnier, make .. darker, make .. scarier
2.2: make .. more dramatic, elegy for, opening paragraph, thriller, conspiracy theor*, yoda, napoleon, co write
2.2: you play the, lore for, lore, six word story, little mermaid, how would .. explain .. as a, as a monologue
2.2: finish this verse, finish this story, finish this poem, role play, tragedy, tragedies, three act, soap opera
2.2: make it sing, sounds like a robot, sound like a robot, as if it were, narrate, tombstone, epitaph*, comic strip
2.2: puppet show, musical about
2.0: storytelling, story about, tale about, a tale, fable, legend, myth about, saga, chapter, plot twist*, plot
2.0: opening line*, opening sentence*, first person, third person, in the style of, in the voice of, shakespear*
2.0: fantasy, dystop*, noir, whodunit, d&d, dungeons, campaign setting, npc, fictional, fiction, ^invent, ^imagine
2.0: make up, made up, as if you were, ^roast, narrator, erfinde*, erzähl* .. geschichte, inventa*, imagina*
2.0: personaje*, 人物, 虚构, 场景描写, 对白
1.6: character*, creative, storyboard, scene, scenes, happy end*, cliffhanger*, pacing*, hero, heroine, dragon*
1.6: episode, short scene, sketch about, comedy, joke*, jokes, pun, puns, anecdote*, funny story, whimsical, narrat*
1.6: ^describe a, romance, knight, once upon, dark night, sang, whisper*, dream, dreams, moon, dies, lover*
1.6: love story, adventure*, quest, mystery, superhero*, vampire*, zombie*, alien, aliens, time travel*, wise old
1.6: haunted, scary, spooky, heist, myth*, creature*, elf, goblin*, submarine, magic sword
1.4: mars, museum, smell*, sea, rain, forest, king, queen of, witch*, mermaid*, unicorn*, planet, galaxy, spaceship*
1.4: island, magic*, enchant*, sorcer*, sailor*, lighthouse*
1.2: dialogue, drama*, wizard*, pirate*, ghost*, kingdom, princess, detective, spaceship, a world where, suspense
1.2: ^write &world, ^describe &world, ^draft &world, funny &world, tone
0.8: who, tension, imagine, mood, atmosphere, once upon a time, creatively, playful*, funny, humorous, humor*
"""

POETRY: Final = """
2.4: poem*, haiku*, limerick*, sonnet*, ballad*, ode to, an ode, verse*, lyrics, free verse, villanelle, couplet*
2.4: acrostic, epitaph, gedicht*, reim*, liedtext*, poema*, poesía, soneto*, canción, 诗, 歌词, 俳句, 对联, 散文
2.4: rap about, rap battle, rhyming, nursery rhyme
2.2: turn .. into .. poem, turn .. into .. song, turn .. into .. verse, make .. rhyme, rap, raps, sea shanty, shanty
2.2: anthem, hymn, lullaby, schlaflied*, lied über, villancico, verso*, rima*, 绝句, 打油诗, 藏头诗, 写首, elegy
2.2: elegies, metaphor for, metaphors for, poetry slam, canto, psalm*, odes, 一首, 现代诗, 古诗
2.0: rhyme*, stanza*, ^compose, song about, a song, song, jingle, chorus, iambic, alliteration*, poetic, poetry
2.0: strophe*, estrofa*
1.2: compose, metaphor*, imagery, rhythm, wistful, lyrical, mock heroic
"""

COPYWRITING: Final = """
2.2: slogan*, tagline*, tag line*, copywriting, headline*, press release*, ad copy, marketing copy
2.2: product description*, elevator pitch, landing page copy, sales copy, newsletter, brand name*, brand voice
2.2: werbetext*, eslogan*, eslóganes, 广告语, 标语, 文案, 口号, 宣传, caption*, brand names, come up with .. name*
2.2: brainstorm .. name*, brainstorm .. title*, names and tagline*, bio for, about page, ad for, an ad, radio ad
2.2: radio spot, commercial for, jazz up, jazz it up, blurb, promo, promotional, catchphrase*, 广告, anzeige für
2.2: anuncio, product name*, name for a, names for a, company name, band name*, motto*, crest
2.0: catchy, punchy, punch up, punchline*, witty, blurb*, teaser*, call to action, hashtag*, instagram, linkedin post
2.0: tweet*, creative content, creative copy, into copy, product copy, jingle*, ad campaign, creative name*
2.0: marketing text*, advert*, billboard*
1.6: copy that, copy for, website copy, announcement post, name ideas, names for, subject line*, crowdfund*
1.6: kickstarter, launch post, playful, cheeky, witty but, bakery, café, startup name*, poster, flyer*, brochure*
1.0: hero text, marketing, campaign, sublin*, audience, brand, tone of voice, engaging*, persuasive, variants of
"""

PROSE: Final = """
2.2: cover letter, blog post, wedding toast, a toast, eulogy, wedding speech, farewell speech, speech for
2.2: motivation letter, love letter, writing assistance, creative writing, writing help, help .. writing
2.2: personal essay, essay, op ed, memoir*, obituary, dating profile, rede für, rede zur, anschreiben, liebesbrief*
2.2: trinkspruch*, discurso, brindis, carta de, 演讲稿, 祝词, 求职信, 情书, 贺词, 作文, 润色, write .. invitation
2.2: birthday message, best man, wedding vow*, farewell email, valentine*, invitation to, write .. card
2.2: rede .. geburtstag, schreibe .. rede, schreib .. rede, make .. paragraph .. vivid, sentence .. sing
2.2: so that it sings, paragraph more, memoir, out of office, thank you letter, condolence*, retirement
2.2: christmas letter, in two paragraphs, einladung*, glückwunsch*, carta, felicitaci*, vows, toast for
2.2: discurso .. emotivo, eulogies, lustige einladung, schreib .. einladung, 温暖
2.0: sounds less, sound less, sound more, sounds more, reads better, read better, less stiff, more vivid, warmer
2.0: more human, less formal, polish .. paragraph, polish .. text, polish my, polish this, rewrite .. paragraph
2.0: rewrite .. so that it sounds, rephrase, reword, paraphrase, ghostwrite*, prose, paragraph .. more, flow better
2.0: flows better, ^polish, too dry, tighten .. prose, thank you note, heartfelt, more warmth, warmer tone
2.0: give this email more, give .. more warmth, roses are red
1.6: write .. letter, write .. speech, write .. post, draft .. letter, draft .. speech, draft .. invitation, wording*
1.6: birthday card, greeting card, christmas card, invitation for, letter to, letter from, speech, toast, intro of
1.6: schreib .. brief, schreib .. text, escribe .. carta, escribe .. texto, formulier*, 写一封, 写一篇, 写一段, 改写
1.6: warmherzig*, sentimental, humorvoll, herzlich, humorous*, farewell, grandmother, birthday, anniversary
1.6: best friend's, ^describe
1.2: paragraph*, kitschy, wistful, evocative, vivid, present tense, tone, letter, essays, writer, sentence*, ^draft
1.2: draft, eloquent, compelling*, cliché*, cliche*, ^write .. about, ^write .. letter, emotivo, emotional, touching*
1.2: moving speech, flat, ^edit &world, ^rewrite &world, ^rephrase
1.0: wedding, love, garden*, friend*, family, jubilación, geburtstag, hochzeit, boda
0.8: ^write, write, ^escribe, ^schreib, ^写, words, text, title
"""
