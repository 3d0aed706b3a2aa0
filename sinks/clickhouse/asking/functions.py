"""The functions that a statement may call: of values and aggregates, none that reads elsewhere.

ClickHouse has functions that read files (`file`), other servers (`url`, `remote`), its own settings
and dictionaries: all that is not listed here is refused. In lower case.
"""

# Types, which casts and placeholders write like calls.
_TYPES = """
array date date32 datetime datetime64 decimal decimal32 decimal64 enum8 fixedstring float32 float64
int8 int16 int32 int64 lowcardinality map nullable string tuple uint8 uint16 uint32 uint64 uuid
"""
_AGGREGATES = """
any anylast argmax argmin avg avgweighted corr count grouparray grouparraysorted groupuniqarray max
maxmap median min minmap quantile quantileexact quantiles quantilesexact quantiletdigest
simplelinearregression topkarray stddevpop stddevsamp sum summap topk topkif
topkweighted uniq uniqcombined
uniqexact uniqhll12 varpop varsamp first_value last_value row_number rank dense_rank lag lead
laginframe leadinframe ntile nth_value boundingratio deltasum sequencecount sequencematch
windowfunnel retention
"""
_VALUES = """
abs ceil ceiling floor round roundtoexp2 sqrt exp log log2 log10 pow power greatest least sign mod
modulo intdiv intdivorzero plus minus multiply divide negate if multiif ifnull nullif coalesce
assumenotnull isnull isnotnull tonullable isnan isfinite case
equals notequals less greater lessorequals greaterorequals and or not xor in notin
bitand bitor bitxor bitnot bitshiftleft bitshiftright
cast toint8 toint16 toint32 toint64 touint8 touint16 touint32 touint64 tofloat32 tofloat64 tostring
tobool todate todate32 todatetime todatetime64 todecimal64 tointervalsecond tointervalminute
tointervalhour tointervalday tointervalweek tointervalmonth accuratecastornull
toint64ornull touint64ornull tofloat64ornull todatetimeornull parsedatetimebesteffort
parsedatetimebesteffortornull parsedatetime64besteffort
now now64 today yesterday tostartofsecond tostartofminute tostartoffiveminutes
tostartoftenminutes tostartoffifteenminutes tostartofhour tostartofday tostartofweek tostartofmonth
tostartofquarter tostartofyear tostartofinterval toyear tomonth todayofweek todayofmonth
todayofyear tohour tominute tosecond tomonday toyyyymm toyyyymmdd tounixtimestamp
tounixtimestamp64milli tounixtimestamp64micro fromunixtimestamp fromunixtimestamp64milli
fromunixtimestamp64micro datediff date_diff dateadd date_add datesub date_sub datetrunc date_trunc
timestampadd timestampsub timestamp_diff timestampdiff formatdatetime dateformat totimezone age
addseconds addminutes addhours adddays addweeks addmonths subtractseconds subtractminutes
subtracthours subtractdays subtractweeks subtractmonths timeslot
formatreadabletimedelta formatreadablesize formatreadablequantity extract
length lengthutf8 empty notempty lower upper lowerutf8 upperutf8 concat concatwithseparator
substring substr substringutf8 left right trim trimleft trimright trimboth ltrim rtrim position
positioncaseinsensitive positionutf8 startswith endswith match multimatchany like ilike notlike
extractall replace replaceone replaceall replaceregexpone replaceregexpall splitbychar
splitbystring splitbyregexp arraystringconcat format reverse repeat padleft leftpad rightpad
lpad rpad domain cutquerystring encodeurlcomponent decodeurlcomponent hex unhex
ipv4stringtonum ipv4numtostring ipv4cidrtorange ipv6cidrtorange isipaddressinrange
isipv4string isipv6string toipv4 toipv6 cityhash64 siphash64 xxhash64
arraymap arrayfilter arraycount arrayexists arrayall arraysum arrayavg arraymin arraymax
arraysort arrayreversesort arrayconcat arraydistinct arrayuniq arrayenumerate arrayelement
arrayslice arrayjoin arrayfirst arraylast arrayfirstindex arraycumsum arraydifference arrayzip
arrayflatten arrayreverse arraycompact arraypushback arraypushfront arrayresize
arrayintersect has hasall hasany indexof countequal range tuple tupleelement untuple array map
mapkeys mapvalues mapcontains transform bar runningdifference
"""
_COMBINATORS = ("if", "array", "map", "distinct", "ornull", "ordefault")

_PLAIN = frozenset(f"{_TYPES} {_AGGREGATES} {_VALUES}".lower().split())
_COMBINED = frozenset(
    name + combinator for name in _AGGREGATES.split() for combinator in _COMBINATORS
)
ALLOWED = _PLAIN | _COMBINED
# Table functions that make rows of nothing.
ALLOWED_TABLES = frozenset({"numbers"})
