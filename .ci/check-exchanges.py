"""Holds what local-aws was asked and what it answered against AWS's own models, as botocore has them.

    python .ci/check-exchanges.py DIRECTORY

DIRECTORY is what LOCAL_AWS_RECORDING named while the tests ran (local-aws/recording.ts). Strictly: botocore's parsers pass
over a member that they do not know, so this walks JSON and XML by itself and asks about every member, required ones, types,
enums, patterns and limits. Answers that a test broke on purpose are left out, and so are requests that were refused.
"""

import base64
import binascii
import json
import re
import sys
from collections import defaultdict
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import botocore.session

# Faults after which the answer is local-aws's own, whole, on the wire.
HONEST = {None, 'latency', 'takes', 'stuck', 'ends-failed', 'function-error', 'drip', 'throttle',
          'service-unavailable', 'internal-error', 'denied', 'expired-token'}

# What no model has, as every service may answer it
# (https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html and those of the other services).
COMMON = {
    'lambda': {'AccessDeniedException': 403, 'ExpiredTokenException': 403, 'SerializationException': 400,
               'ServiceUnavailableException': 503, 'ValidationException': 400, 'RequestEntityTooLargeException': 413},
    'cloudfront': {'ExpiredToken': 403, 'InternalError': 500, 'MalformedInput': 400, 'ServiceUnavailable': 503,
                   'Throttling': 400},
    # By the names of its old query protocol, which its clients still go by (awsQueryCompatible).
    'cloudwatch': {'AccessDenied': 403, 'ExpiredToken': 403, 'InternalFailure': 500, 'SerializationException': 400,
                   'ServiceUnavailable': 503, 'Throttling': 400, 'ValidationError': 400},
    'codedeploy': {'AccessDeniedException': 400, 'ExpiredTokenException': 400, 'InternalFailure': 500,
                   'SerializationException': 400, 'ServiceUnavailable': 503, 'ThrottlingException': 400},
    'ecr': {'AccessDeniedException': 400, 'ExpiredTokenException': 400, 'SerializationException': 400,
            'ServiceUnavailableException': 503, 'ThrottlingException': 400},
    # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    's3': {'AccessDenied': 403, 'AuthorizationHeaderMalformed': 400, 'BadDigest': 400, 'EntityTooSmall': 400,
           'ExpiredToken': 400, 'InternalError': 500, 'InvalidArgument': 400, 'InvalidDigest': 400, 'InvalidPart': 400,
           'InvalidPartOrder': 400, 'KeyTooLongError': 400, 'MalformedXML': 400, 'NoSuchBucket': 404, 'NoSuchKey': 404,
           'NoSuchUpload': 404, 'PermanentRedirect': 301, 'ServiceUnavailable': 503, 'SlowDown': 503},
}

# What AWS answers although its model has it not: an update that has begun says `The function is being created.`, as
# `aws lambda update-function-code` prints it in the Lambda guide's tutorials.
# And the version of managed instances, as PublishVersion answers in
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-version-publishing.html, though the pattern of a
# Version knows only numbers and $LATEST.
BEYOND = {('LastUpdateStatusReasonCode', 'Creating'), ('Version', '$LATEST.PUBLISHED')}

# Tests whose AWS is an enemy that answers what no AWS would.
ENEMIES = ('release/hostile-text.test.ts',)

# Queries of the SDK's own, and those that tell operations of one path apart.
FREE_QUERIES = {'x-id'}


def main(directory):
    session = botocore.session.get_session()
    models = {name: session.get_service_model(name) for name in COMMON}
    found = defaultdict(set)
    files = sorted(Path(directory).glob('*.json'))
    for file in files:
        exchange = json.loads(file.read_text())
        if exchange['place'].startswith(ENEMIES):
            continue
        if exchange['service'] in models and exchange['action'] in models[exchange['service']].operation_names:
            for problem in Exchange(models[exchange['service']], exchange).problems():
                found[problem].add(exchange['place'])
    for problem, places in sorted(found.items()):
        print(f'{problem}\n    {", ".join(sorted(places)[:3])}')
    actions = {file.name.rsplit('-', 1)[0] for file in files}
    print(f'{len(files)} exchanges of {len(actions)} actions read, {len(found)} problems')
    return 0 if files and not found else 1


class Exchange:
    def __init__(self, model, exchange):
        self.service = exchange['service']
        self.action = exchange['action']
        self.operation = model.operation_model(self.action)
        self.model = model
        self.is_xml = model.metadata['protocol'] == 'rest-xml'
        self.is_rest = model.metadata['protocol'].startswith('rest')
        self.request = exchange['request']
        self.reply = exchange['reply']
        self.fault = exchange.get('fault')
        self.found = []

    def problems(self):
        status = self.reply['status']
        if self.fault in HONEST:
            if status < 300:
                self.check_answer(status)
            else:
                self.check_error(status)
        if status < 300:
            self.check_request()
        return self.found

    def say(self, where, text):
        self.found.append(f'{self.service} {self.action} {where}: {text}')

    # Answers

    def check_answer(self, status):
        expected = self.operation.http.get('responseCode', 200)
        # S3 answers some calls with 200 and some with 204; its model does not say which.
        shape = self.operation.output_shape
        # Where the status is a member, it depends on what was asked.
        is_member = shape is not None and any(
            member.serialization.get('location') == 'statusCode' for member in shape.members.values())
        if self.is_rest and self.service != 's3' and not is_member and status != expected:
            self.say('answer', f'status {status}, and the model says {expected}')
        # What was written for a HEAD is not sent.
        body = b'' if self.request['method'] == 'HEAD' else base64.b64decode(self.reply['body'])
        if shape is None:
            return
        headers = {name.lower(): value for name, value in self.reply['headers'].items()}
        self.check_parts('answer', shape, headers, {}, {}, body)

    def check_error(self, status):
        code, members = self.error()
        if code is None:
            # HEAD has no body.
            if self.request['method'] != 'HEAD':
                self.say('error', f'status {status} without a code')
            return
        shapes = {name: shape for shape in self.operation.error_shapes for name in (shape.name, shape.error_code)}
        shape = shapes.get(code)
        if shape is None:
            expected = COMMON[self.service].get(code)
            if expected is None:
                self.say('error', f'{code} is none that the model or this list has')
        else:
            expected = shape.metadata.get('error', {}).get('httpStatusCode')
            if not self.is_xml:
                self.check_json(f'error {code}', shape, members)
        # On AWS's JSON protocols every refusal is a 400 but for those the model says otherwise of.
        if expected not in (None, status):
            self.say('error', f'{code} with status {status}, and it has {expected}')

    def error(self):
        body = base64.b64decode(self.reply['body'])
        if self.is_xml:
            if not body:
                return None, {}
            code = first(ElementTree.fromstring(body), 'Code')
            return None if code is None else code.text, {}
        members = json.loads(body or b'{}')
        code = self.reply['headers'].get('x-amzn-errortype') or members.pop('__type', None)
        if code is not None and not self.is_rest:
            members = {name: value for name, value in members.items() if name.lower() != 'message'}
        # A gateway in front of the service may answer in its stead, and spells it so.
        members.pop('Message', None)
        return code, members

    # Requests

    def check_request(self):
        shape = self.operation.input_shape
        if shape is None:
            return
        body = base64.b64decode(self.request['body'])
        headers = {name.lower(): value for name, value in self.request['headers'].items()}
        if not self.is_rest:
            self.check_json('request', shape, json.loads(body or b'{}'))
            return
        template, _, fixed = self.operation.http['requestUri'].partition('?')
        pattern = re.sub(r'\\\{(\w+)(\\\+)?\\\}', lambda one: f'(?P<{one[1]}>{".+" if one[2] else "[^/]+"})',
                         re.escape(template))
        match = re.fullmatch(f'{pattern}/?', self.request['path'])
        if match is None:
            self.say('request', f'path {self.request["path"]} is not {template}')
            return
        path = {name: unquote(value) for name, value in match.groupdict().items()}
        names = {part.partition('=')[0] for part in fixed.split('&')} | FREE_QUERIES
        query = {name: value for name, value in self.request['query'] if name not in names}
        self.check_parts('request', shape, headers, path, query, body)

    # Both: members are in the path, the query, headers, the status and the body.

    def check_parts(self, where, shape, headers, path, query, body):
        places = {'header': headers, 'uri': path, 'querystring': query}
        known = set()
        given = set()
        payload = shape.serialization.get('payload')
        in_body = {}
        for name, member in shape.members.items():
            location = member.serialization.get('location')
            wire = member.serialization.get('name', name)
            if location in places:
                known.add(wire)
                value = places[location].get(wire.lower() if location == 'header' else wire)
                if value is not None:
                    given.add(name)
                    self.check_text(f'{where} {name}', member, value, location)
            elif location in ('headers', 'statusCode'):
                given.add(name)
            elif name == payload:
                given.add(name)
                if member.type_name == 'structure' and body:
                    self.check_document(f'{where} {name}', member, body)
            else:
                in_body[name] = member
        for name in query.keys() - known:
            self.say(where, f'query {name} is not in the model')
        if payload is None and in_body:
            given |= self.check_document(where, shape, body, in_body)
        elif payload is None and where == 'answer' and body.strip() not in (b'', b'{}'):
            self.say(where, 'a body, and the model has none')
        for name in shape.required_members:
            if name not in given:
                self.say(where, f'{name} is missing')

    def check_document(self, where, shape, body, members=None):
        """Returns the members that are there; required ones are checked when `members` is the whole structure."""
        if self.is_xml:
            if not body.strip():
                return set()
            root = ElementTree.fromstring(body)
            return self.check_xml_members(where, shape, root, members)
        value = json.loads(body or b'{}')
        return self.check_json_members(where, shape, value, members)

    # JSON

    def check_json(self, where, shape, value):
        kind = shape.type_name
        if kind == 'structure':
            if not isinstance(value, dict):
                self.say(where, f'is {describe(value)}, no structure')
            elif not shape.metadata.get('document'):
                self.check_json_members(where, shape, value)
        elif kind == 'list':
            if not isinstance(value, list):
                self.say(where, f'is {describe(value)}, no list')
                return
            self.check_size(where, shape, len(value))
            for item in value:
                self.check_json(f'{where}[]', shape.member, item)
        elif kind == 'map':
            if not isinstance(value, dict):
                self.say(where, f'is {describe(value)}, no map')
                return
            self.check_size(where, shape, len(value))
            for key, item in value.items():
                self.check_json(f'{where} key', shape.key, key)
                self.check_json(f'{where}{{}}', shape.value, item)
        elif kind in ('integer', 'long', 'float', 'double'):
            kinds = int if kind in ('integer', 'long') else (int, float)
            if not isinstance(value, kinds) or isinstance(value, bool):
                self.say(where, f'is {describe(value)}, no {kind}')
            else:
                self.check_size(where, shape, value)
        elif kind == 'boolean':
            if not isinstance(value, bool):
                self.say(where, f'is {describe(value)}, no boolean')
        elif kind == 'timestamp':
            self.check_time(where, shape, value, 'unixTimestamp')
        elif kind == 'blob':
            # A package, of which local-aws keeps the size.
            if not isinstance(value, dict):
                self.check_base64(where, value)
        elif not isinstance(value, str):
            self.say(where, f'is {describe(value)}, no string')
        else:
            self.check_string(where, shape, value)

    def check_json_members(self, where, shape, value, members=None):
        names = {member.serialization.get('name', name): name for name, member in (members or shape.members).items()}
        given = set()
        for wire, item in value.items():
            name = names.get(wire)
            if name is None:
                self.say(where, f'{wire} is not in the model')
            elif item is not None:
                given.add(name)
                self.check_json(f'{where}.{name}', shape.members[name], item)
        if members is None:
            self.check_required(where, shape, given)
        return given

    # XML

    def check_xml(self, where, shape, node):
        kind = shape.type_name
        if kind == 'structure':
            self.check_xml_members(where, shape, node)
        elif kind == 'list':
            wanted = shape.member.serialization.get('name', 'member')
            items = list(node)
            for item in items:
                if local(item) != wanted:
                    self.say(where, f'<{local(item)}> where <{wanted}> should be')
                else:
                    self.check_xml(f'{where}[]', shape.member, item)
            self.check_size(where, shape, len(items))
        elif kind == 'map':
            self.say(where, 'a map in XML is not checked')
        else:
            self.check_text(where, shape, node.text or '', 'xml')

    def check_xml_members(self, where, shape, node, members=None):
        wires = {}
        for name, member in (members or shape.members).items():
            wire = member.serialization.get('name', name)
            if member.type_name == 'list' and member.serialization.get('flattened'):
                wire = member.member.serialization.get('name', wire)
            wires[wire] = name
        given = set()
        for child in node:
            name = wires.get(local(child))
            if name is None:
                self.say(where, f'<{local(child)}> is not in the model')
                continue
            member = shape.members[name]
            is_flat = member.type_name == 'list' and member.serialization.get('flattened')
            if name in given and not is_flat:
                self.say(where, f'{name} is there twice')
            given.add(name)
            self.check_xml(f'{where}.{name}{"[]" if is_flat else ""}', member.member if is_flat else member, child)
        if members is None:
            self.check_required(where, shape, given)
        return given

    # Values

    def check_text(self, where, shape, text, location):
        """A value that came as text, in a header, a query or XML."""
        kind = shape.type_name
        if isinstance(text, list):
            text = ','.join(text)
        if kind in ('integer', 'long', 'float', 'double'):
            if not re.fullmatch(r'-?\d+' if kind in ('integer', 'long') else r'-?\d+(\.\d+)?', text):
                self.say(where, f'is "{text}", no {kind}')
            else:
                self.check_size(where, shape, float(text))
        elif kind == 'boolean':
            if text not in ('true', 'false'):
                self.say(where, f'is "{text}", no boolean')
        elif kind == 'timestamp':
            self.check_time(where, shape, text, 'rfc822' if location == 'header' else 'iso8601')
        elif kind == 'blob':
            self.check_base64(where, text)
        elif kind == 'string':
            self.check_string(where, shape, text)

    def check_string(self, where, shape, text):
        enum = shape.metadata.get('enum')
        if enum and text not in enum and (shape.name, text) not in BEYOND:
            self.say(where, f'"{text}" is none of {", ".join(enum[:8])}{", …" if len(enum) > 8 else ""}')
        self.check_size(where, shape, len(text))
        pattern = shape.metadata.get('pattern')
        if pattern and not matches(pattern, text) and (shape.name, text) not in BEYOND:
            self.say(where, f'"{text[:80]}" does not match {pattern[:120]}')

    def check_time(self, where, shape, value, default):
        form = shape.serialization.get('timestampFormat', default)
        try:
            if form == 'unixTimestamp':
                is_right = isinstance(value, (int, float)) and not isinstance(value, bool)
            elif form == 'rfc822':
                is_right = parsedate_to_datetime(value) is not None
            else:
                is_right = re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z', value) is not None
        except (TypeError, ValueError):
            is_right = False
        if not is_right:
            self.say(where, f'is {describe(value)}, no time in the form {form}')

    def check_base64(self, where, value):
        try:
            base64.b64decode(value, validate=True)
        except (TypeError, binascii.Error):
            self.say(where, f'is {describe(value)}, no base64')

    def check_size(self, where, shape, size):
        least, most = shape.metadata.get('min'), shape.metadata.get('max')
        if least is not None and size < least:
            self.say(where, f'is below {least}')
        if most is not None and size > most:
            self.say(where, f'is above {most}')

    def check_required(self, where, shape, given):
        for name in shape.required_members:
            if name not in given:
                self.say(where, f'{name} is missing')


def matches(pattern, text):
    try:
        return re.fullmatch(pattern, text, re.DOTALL) is not None
    except re.error:
        # Java's, such as \p{L}.
        return True


def local(node):
    return node.tag.rpartition('}')[2]


def first(root, name):
    return next((node for node in root.iter() if local(node) == name), None)


def describe(value):
    return f'{type(value).__name__} {json.dumps(value)[:60]}'


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
