"""Word families of the router ``local``: fields of work and life, from data to cooking. Our own writing.

Written as :mod:`wiremend.rules.word_families` is.
"""

from __future__ import annotations

from typing import Final

TRANSLATION: Final = """
2.4: ^translate, translate .. into, translate .. to, translation of, translate, into french, into german, into spanish
2.4: into english, into japanese, into chinese, into italian, into portuguese, into korean, into russian, übersetz*
2.4: traduce*, traducir, 翻译, 译成
2.0: translat*, locali*, localiz*, in french, in german, in spanish, in japanese, in italian, how do you say, traduis*
2.0: auf deutsch, al inglés, al español, al alemán, ins englische, ins deutsche, auf englisch, en español, 英文, 中文
2.0: 日语, bilingual, idiom, turn .. into english, turn .. into french, turn .. into german, turn .. into spanish
2.0: in english please, in spanish please
1.2: language*, linguist*, native speaker*, glossary, i18n, subtitle*, french, german, spanish, english, japanese
1.2: chinese, italian, portuguese, korean, russian, dutch, polish text, brazilian, idioms
"""

DATA_ANALYSIS: Final = """
2.2: data analysis, analyze .. data*, analyze .. csv, exploratory analysis, pivot table*, correlat*, regression on
2.2: time series, group by, aggregate .. by, outlier*, histogram*, scatter plot*, cohort*, churn, ab test*, a b test*
2.2: statistically significant, plot .. against, plot .. by, chart of, bar chart*, dashboard*, datenanalyse*, auswert*
2.2: análisis de datos, 数据分析, 统计
2.0: dataset*, data set*, dataframe*, pandas, spreadsheet*, sales data, survey data, trend*, seasonal*, forecast*
2.0: kpi*, metric*, summary statistics, median, percentile*, visualis*, visualiz*, ^plot, ^chart, per month, per week
2.0: by region, by country, by month
1.6: csv, excel, parquet, sql, data, rows, column*, {data}, mean, sample size, significance, numbers mean, revenue
1.6: conversion rate*, mean and, drop in, rise in, growth in, numbers are in, compare .. distribution
1.6: interpret .. coefficient*, regression, umfrage*
1.2: table, figures, distribution, statistic*, segment*, analysis, analyze, bi, quarterly, year over year, mittelwert*
1.2: streuung, numbers, survey, average*, per device, quarter, q1, q2, q3, q4, signups, sensor data, promedio, 平均
"""

PLANNING: Final = """
2.2: project plan, roadmap*, break .. down, break it down, milestone*, action plan, implementation plan, plan out
2.2: architecture, system design, design doc*, rfc, migration plan, rollout plan, plan for, ^plan, ^design
2.2: high level design, technical design
2.0: estimate .. effort, sprint plan*, backlog, prioriti*, user stories, requirements, work breakdown, timeline
2.0: architektur*, 架构, 规划
1.2: phases, steps to, strategy, approach, scalab*, microservice*, diagram, propose, schema design, api design
"""

SECURITY: Final = """
2.2: vulnerabilit*, exploit*, threat model*, penetration test*, pentest*, cve, xss, csrf, sql injection
2.2: security audit, security hole*
2.0: attack surface, attacker*, privilege escalation, secrets leak*, sanitis*, sanitiz*, owasp, hardening, ^harden
2.0: sicherheitslück*, 漏洞
1.4: security, secure, insecure, injection, malicious, encrypt*, auth bypass, authoriz*, authentication, tls
1.4: permission*
1.2: password*, credentials, leak .. key, keys leaked, phishing, malware, firewall*
"""

SUMMARIES: Final = """
2.4: ^summarize, ^summarise, summarize, summarise, summary of, tl dr, tldr, key points, key takeaways
2.4: executive summary, in a nutshell, zusammenfass*, fasse .. zusammen, resume .. texto, resumen, 总结, 摘要, 概括
2.4: meeting notes, minutes of, ^condense, boil down, gist of
1.2: bullet points, shorten, shorter, highlights, digest, condense, abstract
"""

CUSTOMERS: Final = """
2.2: customer support, support ticket*, reply to .. customer, answer .. customer, refund request, complaint*
2.2: angry customer, apolog*
2.0: reply to .. email, answer .. email, customer email*, helpdesk, help desk, escalat*, kundenanfrage*, kundendienst
2.0: atención al cliente, 客服
1.4: customer*, client wrote, order number, refund, email*, mail, ticket*, polite reply, reply
"""

RESEARCH: Final = """
2.2: literature review, research paper*, find sources, cite*, citation*, state of the art, survey of, related work
2.2: peer reviewed
2.0: ^research, sources, look up, what is known, latest, evidence for, studies, study shows, recherch*, investiga*
2.0: 文献, 研究
1.2: paper, papers, scientific*, journal, history of, facts about, overview of, encyclop*, wikipedia
"""

COOKING: Final = """
2.0: recipe*, bake, baking, cook, cooking, oven, dough, sourdough, yeast, soup*, stew, roast .. oven, kochen, rezept*
2.0: receta*, 食谱, 做饭
1.4: vegetarian, vegan, dinner, lunch, breakfast, bread, cake*, rice, eggs, chickpea*, spinach, lemon, garlic, onion*
1.4: pasta, sauce*, ingredient*, fry, boil, simmer, knead, marinate, dish, dessert*, spices, gramm*, tablespoon*
1.4: leftover*, meal*, noodle*, salad*
"""

TRAVEL: Final = """
2.0: travel*, trip to, itinerary, vacation, holiday in, hotel*, flight*, sightseeing, backpack*, reise*, viaje*
2.0: urlaub, 旅行, 旅游
1.2: train to, airport*, passport*, visa, city break, beach*, museum*, tourist*, luggage, hostel*, days in
"""

HEALTH: Final = """
2.0: symptom*, doctor*, diagnos*, medic*, headache*, workout*, exercise plan, diet*, nutrition*, sleep better, arzt
2.0: médico, 症状, 健康
1.2: pain, health*, therapy, vitamin*, calories, training plan, injury, allerg*, blood pressure, weight loss
"""

MONEY: Final = """
2.0: invest*, tax, taxes, mortgage*, loan*, budget*, savings account, stocks, portfolio*, invoice*, balance sheet
2.0: steuer*, impuesto*, 理财, 税
1.2: finance*, interest rate*, salary, pension*, insurance, accounting, bank, retirement fund, dividend*
"""

LAW: Final = """
2.0: contract*, clause*, legal*, liabilit*, gdpr, lawsuit*, license agreement, terms of service, nda, vertrag*
2.0: contrato*, 合同, 法律
1.2: lawyer*, copyright, trademark*, complian*, jurisdiction*, tenant*, court
"""
