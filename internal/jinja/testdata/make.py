"""Random templates, and what Jinja2 as transformers sets it up makes of them: random.jsonl.

    build/golden/bin/python -W ignore internal/jinja/testdata/make.py 1 4000 > internal/jinja/testdata/random.jsonl

The first line holds the variables. Left out are texts that tell where an object lies in memory,
and what package jinja does differently and says so: integers of more than 64 bits, complex
numbers, constants that are sliced and cannot be, and names that a template sets after it has read
them in a block of their own.
"""
import copy, json, random, sys
import jinja2
from transformers.utils.chat_template_utils import _compile_jinja_template
QA="'a'"
RAB='replace("a","b")'
rnd=random.Random(int(sys.argv[1])); N=int(sys.argv[2])
names=["s","l","d","n","f","t","nothing","m","e","u","messages"]
V={"s":"  Hello wORLD-foo <b> ","l":[3,1,2.5,True,10],"d":{"b":[1,2],"a":"x","items":3,"z":None},"n":7,"f":-2.5,"t":"a,b,,c","m":[{"r":"u","n":2,"c":"A b"},{"r":"a","n":1,"c":""},{"r":"u","n":3,"c":None}],"e":"","u":"héßΣ ǅ你😀\n\tx","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":" ok "}]}
filters=["abs","attr('a')","batch(2)|list","batch(2,'x')|list","capitalize","center(12)","default('q')","default('q',true)","dictsort","dictsort(reverse=true)","dictsort(by='value')","escape","e","first","float","float(3)","indent","indent(2,true)","indent('>')","int","int(5)","int(base=16)","items|list","join","join(', ')","join('-','r')","last","length","list","lower","map('upper')|list","map(attribute='r')|list","map('default','z')|list","map(attribute='zz',default=4)|list","max","min","reject('odd')|list","rejectattr('r','eq','u')|list","replace('l','LL')","replace('a','b',1)","reverse|list","round","round(1)","round(0,'ceil')","round(1,'floor')","safe","select|list","select('number')|list","selectattr('n')|list","selectattr('n','gt',1)|list","slice(2)|list","slice(3,'f')|list","sort","sort(reverse=true)","sort(attribute='n')","sort(attribute='r,n')","string","striptags","sum","sum(attribute='n')","sum(start=2)","title","tojson","tojson(indent=2)","tojson(ensure_ascii=true)","tojson(sort_keys=true)","trim","trim(' -')","truncate(6)","truncate(6,true)","truncate(6,false,'!',0)","unique|list","upper","urlencode","wordcount","groupby('r')","groupby('r')|map('first')|list","format(1)","count","d","forceescape","string|length","trim|upper","list|length"]
methods=["strip()","strip('H ')","lstrip()","rstrip()","upper()","lower()","title()","capitalize()","swapcase()","casefold()","split()","split(',')","split(None,1)","rsplit(',',1)","rsplit(None,1)","rsplit()","splitlines()","splitlines(true)","startswith('a')","endswith(('c','o'))","find('l')","rfind('l')","index('o')","count('o')","replace('o','0')","replace('o','0',1)","zfill(12)","ljust(30,'.')","rjust(30)","center(31,'*')","partition(',')","rpartition(',')","isdigit()","isalpha()","isupper()","islower()","isspace()","isalnum()","istitle()","isdecimal()","isnumeric()","isidentifier()","expandtabs()","join(['x','y'])","format(1)","removeprefix('a,')","removesuffix('c')","get('a')","get('q',5)","keys()|list","values()|list","items()|list","keys()","copy()","index(2)","count(1)","x","items","append(1)","__class__","b"]
tests=["defined","undefined","none","boolean","true","false","integer","float","number","string","mapping","iterable","sequence","callable","lower","upper","odd","even","divisibleby(2)","divisibleby 3","eq 7","ne(7)","lt 8","gt(3)","ge 7","le 7","in [7,'x']","in 'abc'","sameas true","escaped","filter","test"]
def lit():
    return rnd.choice(["1","0","-3","2.5","1e3","1e20","1.0","'a'","'x y'","\"q'\"","true","false","none","[]","[1,'a']","(1,)","()","(1,2)","{}","{'k':1}","'%s-%s'","'%d'","'%.2f'","'%5s|'","'%-5d|'","'{}'","'{:>5}'","'{0:.2f}'","'\\u00e9\\n'","12345678","0.1","100","'12'","' 7 '","'0x1f'","'3.7'"])
def expr(k):
    if k<=0: return rnd.choice([lit(),rnd.choice(names)])
    c=rnd.randrange(16)
    if c==0: return lit()
    if c==1: return rnd.choice(names)
    if c in(2,3,4): return f"{paren(k-1)} | {rnd.choice(filters)}" if rnd.random()<.5 else f"{paren(k-1)}|{rnd.choice(filters)}"
    if c in(5,6): return f"{paren(k-1)}.{rnd.choice(methods)}"
    if c==7: return f"{paren(k-1)} is {rnd.choice(['','not '])}{rnd.choice(tests)}"
    if c in(8,9): return f"{expr(k-1)} {rnd.choice(['+','-','*','/','//','%','**','~'])} {expr(k-1)}"
    if c==10: return f"{expr(k-1)} {rnd.choice(['==','!=','<','<=','>','>=','in','not in'])} {expr(k-1)}"
    if c==11: return f"{paren(k-1)}[{rnd.choice(['0','-1','1:','::-1',':2','::2','5',QA,'-3:-1','1:10:3','n','::-2','3:0:-1'])}]"
    if c==12: return f"({expr(k-1)} if {expr(k-1)} else {expr(k-1)})"
    if c==13: return f"{expr(k-1)} {rnd.choice(['and','or'])} {expr(k-1)}"
    if c==14: return f"{rnd.choice(['-','not ','+'])}{expr(k-1)}"
    return f"[{expr(k-1)}, {expr(k-1)}]"
def paren(k):
    e=expr(k)
    return e if rnd.random()<.3 else f"({e})"
def ws(): return rnd.choice([""," ","\n","\n  ","  \n","\t","x"])
def sg(): return rnd.choice(["","","","-","+"])
def sg2(): return rnd.choice(["","","-"])
def block(k):
    c=rnd.randrange(13)
    E=lambda:expr(rnd.randrange(3))
    if k<=0 or c<4: return f"{{{{{sg2()} {E()} {sg2()}}}}}"
    B=lambda:body(k-1)
    if c==4: return f"{{%{sg()} if {E()} {sg()}%}}{B()}{{%{sg()} elif {E()} {sg()}%}}{B()}{{%{sg()} else {sg()}%}}{B()}{{%{sg()} endif {sg()}%}}"
    if c==5: return f"{{%{sg()} for x in {rnd.choice(['l','m','d','t','range(3)',E()])} {rnd.choice(['','if x','if loop is defined'])} {sg()}%}}{{{{ loop.index }}}}{{{{ x }}}}{B()}{{%{sg()} else %}}E{{%{sg()} endfor {sg()}%}}"
    if c==6: return f"{{%{sg()} set {rnd.choice(names)} = {E()} {sg()}%}}{B()}"
    if c==7: return f"{{%{sg()} set q {sg()}%}}{B()}{{%{sg()} endset {sg()}%}}{{{{ q }}}}"
    if c==8: return f"{{%{sg()} macro g(a, b={E()}) {sg()}%}}<{{{{a}}}}{B()}{{{{b}}}}>{{%{sg()} endmacro {sg()}%}}{{{{ g({E()}) }}}}{{{{ g(b=1) }}}}"
    if c==9: return f"{{#{sg()} c {sg()}#}}{ws()}{{% raw {sg2()}%}}{ws()}{{{{ x }}}}{{%{sg()} endraw {sg()}%}}"
    if c==10: return f"{{%{sg()} with v = {E()} {sg()}%}}{{{{ v }}}}{B()}{{%{sg()} endwith {sg()}%}}"
    if c==11: return f"{{%{sg()} filter {rnd.choice(['upper','trim','indent(2)',RAB])} {sg()}%}}{B()}{{%{sg()} endfilter {sg()}%}}"
    return f"{{% set ns = namespace(a=1) %}}{{% for i in range(3) %}}{{%{sg()} set ns.a = ns.a ~ i {sg()}%}}{{% if i == 1 %}}{rnd.choice(['{% break %}','{% continue %}',''])}{{% endif %}}{B()}{{% endfor %}}{{{{ ns.a }}}}"
def body(k): return "".join(ws()+block(k-1)+ws() for _ in range(rnd.randrange(1,3)))
print(json.dumps(V))
for i in range(N):
    t="{{ "+expr(rnd.randrange(1,4))+" }}" if rnd.random()<.6 else body(rnd.randrange(1,4))
    try: r={"text":_compile_jinja_template(t).render(**copy.deepcopy(V))}
    except Exception as ex: r={"error":type(ex).__name__+": "+str(ex)[:120]}
    if "text" in r and (len(r["text"])>100000 or " object at 0x" in r["text"] or "<function" in r["text"] or "<built-in" in r["text"] or "<bound" in r["text"]): continue
    print(json.dumps({"t":t,**r}))
